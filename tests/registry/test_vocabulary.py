"""Canonical names: kernels in their series and order, hypervisors under one name."""

import pytest

from registry.vocabulary import kernels, virtualization


@pytest.mark.parametrize(
    ("release", "os", "series"),
    [
        ("2.6.38-8-generic", "Ubuntu", "2.6.38"),
        ("2.6.18-164.2.1.el5xen", None, "2.6.18"),
        ("2.6.36.4", None, "2.6.36"),
        ("3.10.0-1160.el7.x86_64", None, "3.10"),
        ("6.18.5-aws", "debian 13", "6.18"),
        ("4.19", None, "4.19"),
        (None, "FreeBSD 8.2-RELEASE", "FreeBSD 8.2"),
        (None, "Windows 7 Ultimate", "Windows 7"),
        (None, "Ubuntu", None),
        ("custom", None, None),
        ("", "", None),
    ],
)
def test_series(release: str | None, os: str | None, series: str | None) -> None:
    assert kernels.series(release, os) == series


def test_kernels_sort_by_number_other_systems_after_them() -> None:
    names = [None, "FreeBSD 8.2", "6.10", "2.6.38", "6.9", "2.6.9"]
    assert sorted(names, key=kernels.order) == [
        "2.6.9",
        "2.6.38",
        "6.9",
        "6.10",
        "FreeBSD 8.2",
        None,
    ]


def test_hypervisors_have_one_name() -> None:
    assert virtualization.canonical(" Hyper-V ") == "microsoft"
    assert virtualization.canonical("KVM") == "kvm"
    assert virtualization.canonical("") is None
    assert virtualization.display("none") == "bare metal"
    assert virtualization.display(None) == "unknown"
    assert virtualization.display("something new") == "something new"
