"""Kernel releases: what uname -r says, and the order on an axis."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.vocabulary import kernels
from registry.vocabulary.kernels import Kernel


@pytest.mark.parametrize(
    ("release", "os", "series"),
    [
        ("2.6.38-8-generic", "ubuntu", "2.6.38"),
        ("2.6.18-164.2.1.el5xen", None, "2.6.18"),
        ("2.6.36.4", None, "2.6.36"),
        ("3.10.0-1160.el7.x86_64", None, "3.10"),
        ("6.18.5-aws", "debian 13", "6.18"),
        ("4.19", None, "4.19"),
        ("6.10-rc3", None, "6.10"),
        (None, "freebsd 8.2", "FreeBSD 8.2"),
        (None, "FreeBSD 8.2-RELEASE", "FreeBSD 8.2"),
        ("13.2-RELEASE", "freebsd 13.2", "FreeBSD 13.2"),
        (None, "windows 7", "Windows 7"),
        (None, "ubuntu 10.04", None),
        ("custom", None, None),
        ("٣.٤", None, None),
        ("", "", None),
    ],
)
def test_series(release: str | None, os: str | None, series: str | None) -> None:
    assert kernels.series(release, os) == series


@pytest.mark.parametrize(
    ("release", "upstream", "distribution", "flavour"),
    [
        ("2.6.18-164.2.1.el5xen", (2, 6, 18), "el5", "xen"),
        ("2.6.32-754.el6.x86_64", (2, 6, 32), "el6", None),
        ("3.10.0-1160.el7.x86_64", (3, 10, 0), "el7", None),
        ("3.10.0-514.el7.centos.plus.x86_64", (3, 10, 0), "el7", "centos.plus"),
        ("4.18.0-553.el8_10.x86_64", (4, 18, 0), "el8", None),
        ("4.18.0-553.rt7.342.el8_10.x86_64", (4, 18, 0), "el8", "rt"),
        ("5.14.0-427.13.1.el9_4.aarch64", (5, 14, 0), "el9", None),
        ("5.15.0-100.96.32.el8uek.x86_64", (5, 15, 0), "el8", "uek"),
        ("2.6.39-400.17.1.el6uek.x86_64", (2, 6, 39), "el6", "uek"),
        ("6.9.1-1.el9.elrepo.x86_64", (6, 9, 1), "el9", "elrepo"),
        ("6.8.5-301.fc40.x86_64", (6, 8, 5), "fc40", None),
        ("4.14.336-253.554.amzn2.x86_64", (4, 14, 336), "amzn2", None),
        ("6.1.79-99.164.amzn2023.x86_64", (6, 1, 79), "amzn2023", None),
        ("4.9.76-3.78.amzn1.x86_64", (4, 9, 76), "amzn1", None),
        ("6.6.57.1-2.azl3", (6, 6, 57), "azl3", None),
        ("2.6.38-8-generic", (2, 6, 38), "ubuntu", "generic"),
        ("2.6.35-22-server", (2, 6, 35), "ubuntu", "server"),
        ("5.15.0-91-lowlatency", (5, 15, 0), "ubuntu", "lowlatency"),
        ("6.5.0-1016-aws", (6, 5, 0), "ubuntu", "aws"),
        ("6.8.0-1018-azure", (6, 8, 0), "ubuntu", "azure"),
        ("6.2.0-1018-gcp", (6, 2, 0), "ubuntu", "gcp"),
        ("6.8.0-31-generic-64k", (6, 8, 0), "ubuntu", "generic"),
        ("6.1.0-18-amd64", (6, 1, 0), "debian", None),
        ("6.12.5-amd64", (6, 12, 5), "debian", None),
        ("6.12.48+deb13-amd64", (6, 12, 48), "deb13", None),
        ("6.1.0-18-cloud-amd64", (6, 1, 0), "debian", "cloud"),
        ("6.12.48+deb13-cloud-arm64", (6, 12, 48), "deb13", "cloud"),
        ("5.10.0-8-rt-amd64", (5, 10, 0), "debian", "rt"),
        ("2.6.26-2-xen-amd64", (2, 6, 26), "debian", "xen"),
        ("2.6.16.33-xenU", (2, 6, 16, 33), None, "xen"),
        ("6.8.12-4-pve", (6, 8, 12), "proxmox", "pve"),
        ("6.9.7-arch1-1", (6, 9, 7), "arch", None),
        ("6.9.7-zen1-1-zen", (6, 9, 7), "arch", "zen"),
        ("6.6.36-1-lts", (6, 6, 36), "arch", "lts"),
        ("6.6.8-gentoo-x86_64", (6, 6, 8), "gentoo", None),
        ("6.4.0-150600.23.25-default", (6, 4, 0), "suse", "default"),
        ("5.14.21-150400.14.75-azure", (5, 14, 21), "suse", "azure"),
        ("6.7.4-x64v3-xanmod1", (6, 7, 4), None, "xanmod"),
        ("5.10.101-android12-9-00001", (5, 10, 101), "android12", None),
        ("6.6.32-0-virt", (6, 6, 32), "alpine", "virt"),
        ("5.15.90.1-microsoft-standard-WSL2", (5, 15, 90), "wsl", "wsl2"),
        ("4.4.0-19041-Microsoft", (4, 4, 0), "wsl", "wsl1"),
        ("2.6.38-x86_64-linode17", (2, 6, 38), "linode", None),
        ("5.4.3-rt1", (5, 4, 3), None, "rt"),
        ("6.18.5-aws", (6, 18, 5), None, "aws"),
        ("2.6.32-042stab145.3", (2, 6, 32), None, "openvz"),
        ("6.9.0", (6, 9, 0), None, None),
        ("2.6.38.6", (2, 6, 38, 6), None, None),
        ("custom", (), None, None),
    ],
)
def test_releases(
    release: str, upstream: tuple[int, ...], distribution: str | None, flavour: str | None
) -> None:
    found = kernels.read(release)
    assert (found.upstream, found.distribution, found.flavour) == (upstream, distribution, flavour)


@pytest.mark.parametrize(
    "release", ["6.10-rc3", "6.10.0-061000rc3-generic", "6.10.0-0.rc3.20240614git.30.fc41.x86_64"]
)
def test_release_candidates(release: str) -> None:
    assert (kernels.read(release).candidate, kernels.series(release)) == (3, "6.10")


@pytest.mark.parametrize("release", ["5.10.0-8-rt-amd64", "5.4.3-rt1", "5.15.0-1032-realtime"])
def test_realtime_kernels(release: str) -> None:
    assert kernels.read(release).is_realtime
    assert not kernels.read("6.1.0-18-amd64").is_realtime


def test_a_release_in_words() -> None:
    words = {
        "6.5.0-1016-aws": "Linux 6.5.0, Ubuntu, aws",
        "4.18.0-553.el8_10.x86_64": "Linux 4.18.0, Enterprise Linux 8",
        "6.10-rc3": "Linux 6.10-rc3",
        "custom": "",
    }
    assert {release: str(kernels.read(release)) for release in words} == words
    assert str(Kernel()) == ""


def test_series_sort_by_number_other_systems_after_them() -> None:
    expected: list[str | None] = ["2.6.9", "2.6.18", "2.6.38", "3.0", "3.10", "4.19", "6.9"]
    expected += ["6.10", "FreeBSD 8.2", None]
    assert _sorted(expected, kernels.order) == expected


def test_releases_sort_by_version_candidates_before_the_release() -> None:
    expected: list[str | None] = [
        *("2.6.9", "2.6.18-8.el5", "2.6.18-164.el5", "2.6.32", "2.6.32.59", "3.0"),
        *("3.10.0-514.el7", "3.10.0-1160.el7", "4.19.0", "6.9", "6.10.0-rc1", "6.10-rc3"),
        *("6.10", "6.10.1-9", "6.10.1-10", "custom", None),
    ]
    assert _sorted(expected, kernels.release_order) == expected


def _sorted(expected: list[str | None], key: Callable[[str | None], Any]) -> list[str | None]:
    shuffled = list(expected)
    random.Random(1).shuffle(shuffled)
    return sorted(shuffled, key=key)


@given(st.lists(st.one_of(st.none(), st.text(max_size=128), st.from_regex(r"[0-9.rc~+-]{1,40}"))))
def test_every_text_has_its_place(releases: list[str | None]) -> None:
    keys = [kernels.release_order(release) for release in releases]
    assert sorted(keys) == sorted(keys, reverse=True)[::-1]
    series = [kernels.order(kernels.series(release)) for release in releases]
    assert sorted(series) == sorted(series, reverse=True)[::-1]
