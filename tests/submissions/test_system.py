"""Systems: one for whatever is the same, however the sender spells it."""

import json
from pathlib import Path
from typing import Any

import pytest

import submissions
from submissions import seed_row
from submissions.decode import Document
from submissions.normalise import normalise
from submissions.parsing import parse
from submissions.system import system_of
from tests import reports

SEED = Path(submissions.__file__).parent / "data/seed.json"


def seeded(ref: str) -> dict[str, Any]:
    rows = json.loads(SEED.read_text(encoding="utf-8"))["reports"]
    system = seed_row.read(next(row for row in rows if row["ref"] == ref)).runs[0].system
    return {name: value for name, value in system.items() if value not in (None, {})}


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        (
            "gist-1",
            {
                "virtualization": "none",
                "os": "windows 7",
                "kernel_series": "Windows 7",
                "cpu_model": "Intel Core i5-760",
                "cpus": 4,
            },
        ),
        (
            "gist-2",
            {
                "virtualization": "xen",
                "kernel_release": "2.6.18-164.2.1.el5xen",
                "kernel_series": "2.6.18",
                "cpu_model": "Intel Xeon E5345",
                "cpus": 4,
            },
        ),
        (
            "gist-6",
            {
                "virtualization": "xen",
                "virtualization_mode": "dom0",
                "kernel_release": "2.6.26",
                "kernel_series": "2.6.26",
                "cpu_model": "Intel Xeon X3323",
                "cpus": 4,
            },
        ),
        (
            "gist-8",
            {
                "virtualization": "xen",
                "os": "freebsd 8.2",
                "kernel_series": "FreeBSD 8.2",
                "cpu_model": "Intel Xeon E5430",
                "cpus": 1,
            },
        ),
        (
            "question-1",
            {
                "virtualization": "xen",
                "provider": "aws",
                "instance_type": "c1.xlarge",
                "cpus": 8,
            },
        ),
    ],
)
def test_the_seed_reads_sensibly(ref: str, expected: dict[str, Any]) -> None:
    assert seeded(ref) == expected


def test_two_spellings_are_one_system() -> None:
    one = {
        "virtualization": {"type": "Xen 4.1", "mode": "PV-HVM", "container": "LXD"},
        "cloud": {"provider": "Amazon EC2", "instance_type": "M3.Large"},
        "os": {"id": "CentOS Linux release 6.5 (Final)"},
        "cpu": {"model": "Intel(R) Xeon(R) CPU E5-2670 0 @ 2.60GHz"},
    }
    other = {
        "virtualization": {"type": "xen", "mode": "pvhvm", "version": "4.1", "container": "lxc"},
        "cloud": {"provider": "aws", "instance_type": "m3.large"},
        "os": {"id": "centos", "version_id": "6.5"},
        "cpu": {"model": "xeon e5 2670"},
    }
    assert system_of(one) == system_of(other)


def test_free_text_can_name_the_cloud_in_place_of_the_hypervisor() -> None:
    system = system_of({"virtualization": {"type": "EC2 c1.xlarge"}})
    names = ("virtualization", "provider", "instance_type")
    assert [system[name] for name in names] == ["xen", "aws", "c1.xlarge"]


def test_the_reading_says_where_the_signals_contradict_the_sender() -> None:
    signals = {"dmi_sys_vendor": "Xen", "dmi_product_name": "HVM domU"}
    virtual = {"type": "microsoft", "signals": signals}
    envelope = reports.envelope(environment=reports.environment(virtualization=virtual))
    found = normalise(parse(Document(envelope=envelope)), envelope, imported=False)
    assert {run.system["virtualization"] for run in found.runs} == {"xen"}
    assert [warning for warning in found.warnings if "(rule xen-dmi)" in warning] == [
        found.warnings[0]
    ]


@pytest.mark.parametrize(
    ("arm", "column", "expected"),
    [
        (("hypervisor", "VMware ESXi 5.0"), "virtualization", "vmware"),
        (("xen.mode", "PV on HVM"), "virtualization_mode", "pvhvm"),
    ],
)
def test_an_arm_s_value_has_its_canonical_name(
    arm: tuple[str, str], column: str, expected: str
) -> None:
    assert system_of(reports.environment(), arm)[column] == expected


def test_an_arm_on_another_hypervisor_has_not_the_mode_of_this_one() -> None:
    environment = reports.environment(virtualization={"type": "Xen 4.1 PV"})
    system = system_of(environment, ("hypervisor", "VMware ESXi 5.0"))
    assert (system["virtualization_mode"], system["hypervisor_version"]) == (None, "5.0")
    system = system_of(environment, ("hypervisor", "xen"))
    assert (system["virtualization_mode"], system["hypervisor_version"]) == ("pv", "4.1")


def test_blank_text_is_unknown() -> None:
    system = system_of(
        {
            "kernel": {"release": "  "},
            "virtualization": {"type": " ", "mode": "\t"},
            "cloud": {"provider": " ", "instance_type": "  "},
            "cpu": {"model": " "},
            "nic": {"driver": "  "},
            "clocksource": " ",
        }
    )
    assert {name for name, value in system.items() if value} == set()
