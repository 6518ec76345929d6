"""Clouds and instance types: one spelling, the family, and the provider where a type or a firmware
names it beyond doubt.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from string import ascii_lowercase
from typing import Any

from registry.vocabulary.data import load, spoken

_DATA = load("clouds")
PROVIDERS: dict[str, str] = {key: entry["name"] for key, entry in _DATA["providers"].items()}
_PROVIDER = spoken(_DATA["providers"])
_FIRMWARE = {word: name for name, words in _DATA["firmware"].items() for word in words}
_FIRMWARE_WORD = re.compile("|".join(re.escape(word) for word in _FIRMWARE))
# What OpenStack calls its own sizes everywhere is what EC2 called its first.
_AMBIGUOUS = frozenset(_DATA["ambiguous"])
_XEN_FAMILIES = frozenset(_DATA["ec2_xen_families"])
# Names of chips by cloud, where the core that the chip is made of is sold there in no other chip.
CHIPS: dict[str, dict[str, str]] = _DATA["chips"]
_TYPES = tuple((row["provider"], re.compile(row["pattern"])) for row in _DATA["instance_types"])
_FIRMWARE_SIGNALS = ("dmi_sys_vendor", "dmi_bios_vendor", "dmi_product_name", "dmi_bios_version")
_MOST_WORDS = max(len(said.split()) for said in _PROVIDER)


@dataclass(frozen=True)
class Cloud:
    provider: str | None = None
    instance_type: str | None = None
    family: str | None = None

    @property
    def is_xen(self) -> bool | None:
        """Whether EC2 runs this family on Xen; null for other clouds and unknown types."""
        if self.provider != "aws" or not self.family:
            return None
        return self.family in _XEN_FAMILIES


def provider(name: str | None) -> str | None:
    """`Amazon EC2` → `aws`; an unknown name stays as it is, in lower case."""
    key = " ".join((name or "").lower().split())
    return _PROVIDER.get(key, key) or None


def display(name: str) -> str:
    return PROVIDERS.get(name, name)


@lru_cache(maxsize=1024)
def read(text: str | None, said_provider: str | None = None) -> Cloud:
    """`EC2 c1.xlarge` → aws, c1.xlarge; `n2-standard-4` → gce; `m1.small` → no provider, unless
    one is said. Text that is no known type stays as it is.
    """
    words = (text or "").split()
    for count in range(min(_MOST_WORDS, len(words)), 0, -1):
        found = _PROVIDER.get(" ".join(words[:count]).lower())
        if found:
            return _typed(" ".join(words[count:]), found)
    return _typed(" ".join(words), said_provider)


def of(environment: Mapping[str, Any]) -> Cloud:
    """The cloud of a report: as the sender says, in free text too, else as the firmware does."""
    given = environment.get("cloud") or {}
    virtual = environment.get("virtualization") or {}
    said = read(given.get("instance_type"), provider(given.get("provider")))
    if not said.provider and not said.instance_type:
        said = _spoken_of(given.get("provider")) or _spoken_of(virtual.get("type")) or said
    signals = virtual.get("signals") or {}
    if said.instance_type or not signals:
        return said
    return _by_firmware(said, signals)


def _spoken_of(text: str | None) -> Cloud | None:
    found = read(text)
    return found if found.family else None


def _by_firmware(said: Cloud, signals: Mapping[str, Any]) -> Cloud:
    """EC2's firmware has the instance type as its product; others name the provider alone."""
    words = " ".join(str(signals.get(name) or "") for name in _FIRMWARE_SIGNALS).lower()
    word = _FIRMWARE_WORD.search(words)
    found = said.provider or (_FIRMWARE[word[0]] if word else None)
    product = str(signals.get("dmi_product_name") or "")
    typed = _typed(product, found) if found == "aws" else Cloud()
    return typed if typed.family else Cloud(found)


def _typed(text: str, said_provider: str | None) -> Cloud:
    key = text.lower()
    for name, pattern in _TYPES:
        found = pattern.fullmatch(key) if said_provider in (None, name) else None
        if found and (said_provider or key not in _AMBIGUOUS):
            family = _azure_family(key) if name == "azure" else found["family"]
            return Cloud(name, _spelled(key, name), family)
    return Cloud(said_provider, text or None)


def _spelled(key: str, name: str) -> str:
    """In the provider's own spelling: `Standard_D4s_v5`, `VM.Standard.E4.Flex`, `DEV1-S`."""
    if name == "azure":
        tier, size, *rest = key.split("_")
        letters = len(size) - len(size.lstrip(ascii_lowercase))
        size = size[:letters].upper() + size[letters:]
        return "_".join([tier.capitalize(), size, *(_azure_part(part) for part in rest)])
    if name == "oci":
        kind, *rest = key.split(".")
        return ".".join([kind.upper(), *(_oci_part(part) for part in rest)])
    return key.upper() if name == "scaleway" else key


def _azure_part(part: str) -> str:
    """`v5` is a version, `A100` a part's number, `Promo` a word."""
    if re.fullmatch(r"v\d{1,2}", part):
        return part
    return part.capitalize() if part.isalpha() else part.upper()


def _azure_family(key: str) -> str:
    """`standard_d4s_v5` → `Dsv5`."""
    size, *rest = key.split("_")[1:]
    letters = re.sub(r"[\d-]", "", size)
    n_leading = len(size) - len(size.lstrip(ascii_lowercase))
    return letters[:n_leading].upper() + letters[n_leading:] + "".join(rest)


def _oci_part(part: str) -> str:
    stem = part.rstrip("0123456789")
    return {"denseio": "DenseIO", "gpu": "GPU", "hpc": "HPC"}.get(stem, stem.capitalize()) + part[
        len(stem) :
    ]
