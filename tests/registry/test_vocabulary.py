"""The vocabularies as data: one version for all files, no name said of two things, and what free
text says of a hypervisor.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from registry.vocabulary import VOCABULARY_VERSION, names, platform, virtualization
from registry.vocabulary.virtualization import Said

FOLDER = Path(virtualization.__file__).parent
FILES = sorted(FOLDER.glob("*.json"))
ROOT = FOLDER.parent.parent
# Version → digest of all data files. New data is a new version with a line of its own here.
DIGESTS = {2: "b15090a7867abf9c"}


def test_data_of_a_version_does_not_change() -> None:
    content = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FILES}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
    assert DIGESTS.get(VOCABULARY_VERSION) == digest, (
        f"the data files changed: raise VOCABULARY_VERSION, and put its digest {digest!r} here"
    )
    assert max(DIGESTS) == VOCABULARY_VERSION


def _tables() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{path.stem}.{name}", table)
        for path in FILES
        for name, table in json.loads(path.read_text(encoding="utf-8")).items()
        if isinstance(table, dict)
        and all(isinstance(v, dict) and "name" in v for v in table.values())
    ]


def test_no_alias_is_said_of_two_things() -> None:
    assert {name for name, _ in _tables()} == {
        *("clouds.providers", "distributions.distributions", "virtualization.hypervisors"),
        *("virtualization.modes", "virtualization.containers"),
    }
    for name, table in _tables():
        said: dict[str, str] = {}
        for identifier, entry in table.items():
            for alias in {identifier, entry["name"].lower(), *entry.get("aliases", ())}:
                assert alias == " ".join(alias.lower().split()), f"{name}: {alias!r}"
                assert said.setdefault(alias, identifier) == identifier, f"{name}: {alias!r}"


def test_words_of_rules_are_as_evidence_is_in_lower_case() -> None:
    for rule in (*platform.RULES, *platform.XEN_MODES, *platform.CONTAINERS):
        for wanted in rule.when.values():
            assert not isinstance(wanted, list) or [word.lower() for word in wanted] == wanted


def test_rules_decide_names_of_the_vocabulary() -> None:
    for rule in platform.RULES:
        assert (
            rule.then is None
            or rule.then.startswith("= ")
            or rule.then in virtualization.HYPERVISORS
        )
        assert rule.why
    assert {rule.then for rule in platform.XEN_MODES if rule.then} <= set(
        virtualization.MODES_OF["xen"]
    )


def test_the_page_of_the_vocabularies_says_what_the_data_say() -> None:
    page = (ROOT / "docs/vocabulary.md").read_text(encoding="utf-8")
    assert f"version {VOCABULARY_VERSION}" in page
    listed = dict(re.findall(r"^\| `([\w-]+)` \| (.+?) \|", page, re.MULTILINE))
    assert listed == virtualization.HYPERVISORS | virtualization.CONTAINERS
    assert [path.name for path in FILES] == sorted(set(re.findall(r"`(\w+\.json)`", page)))
    rules = re.findall(r"^\d+\. `([\w-]+)`: (.+)$", page, re.MULTILINE)
    assert rules == [(rule.id, rule.why) for rule in platform.RULES]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Xen", Said("xen")),
        (" Hyper-V ", Said("microsoft")),
        ("KVM", Said("kvm")),
        ("Bare metal", Said("none")),
        ("Xen 4.1", Said("xen", version="4.1")),
        ("Xen 4.1.0 PV guest", Said("xen", "pv", "4.1.0")),
        ("xen (dom0)", Said("xen", "dom0")),
        ("Xen PV on HVM", Said("xen", "pvhvm")),
        ("VMware ESXi 5.0", Said("vmware", version="5.0")),
        # The version of a product is not that of the hypervisor in it.
        ("XenServer 6.0", Said("xen")),
        ("KVM on Proxmox 8.1", Said("kvm")),
        ("OpenVZ", Said(container="openvz")),
        ("WSL2", Said(container="wsl")),
        # What is not understood to the last word is left alone.
        ("xen killer 5000", Said("xen killer 5000")),
        ("KVM PV", Said("kvm pv")),
        ("something new", Said("something new")),
        ("", Said()),
        (None, Said()),
    ],
)
def test_free_text_of_a_hypervisor(text: str | None, expected: Said) -> None:
    assert virtualization.read(text) == expected


def test_identifiers_print_as_people_know_them() -> None:
    shown = {
        ("virtualization", "none"): "bare metal",
        ("virtualization", "microsoft"): "Hyper-V",
        ("virtualization", "something new"): "something new",
        ("virtualization_mode", "pvhvm"): "PVHVM",
        ("container", "docker"): "Docker",
        ("provider", "gce"): "Google Cloud",
        ("os", "rhel 9.4"): "RHEL 9.4",
        ("cpus", 4): "4",
    }
    assert {key: names.display(*key) for key in shown} == shown
    assert virtualization.display(None) == "unknown"
