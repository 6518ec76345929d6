"""Distributions: os-release's identifiers, from whatever the sender calls them."""

import pytest

from registry.vocabulary import distributions


@pytest.mark.parametrize(
    ("given", "expected", "shown"),
    [
        (("debian", "13"), "debian 13", "Debian 13"),
        (("debian", "12.5"), "debian 12", "Debian 12"),
        (("rhel", "9.4"), "rhel 9.4", "RHEL 9.4"),
        (("opensuse-leap", "15.6"), "opensuse-leap 15.6", "openSUSE Leap 15.6"),
        (("opensuse-tumbleweed", "20240612"), "opensuse-tumbleweed", "openSUSE Tumbleweed"),
        (("arch", None), "arch", "Arch Linux"),
        (("amzn", "2023"), "amzn 2023", "Amazon Linux 2023"),
        (("CentOS Linux release 6.5 (Final)",), "centos 6.5", "CentOS 6.5"),
        (("CentOS release 5.6 (Final)",), "centos 5.6", "CentOS 5.6"),
        (("Red Hat Enterprise Linux Server release 7.9 (Maipo)",), "rhel 7.9", "RHEL 7.9"),
        (("Red Hat Enterprise Linux Server",), "rhel", "RHEL"),
        (("Ubuntu",), "ubuntu", "Ubuntu"),
        (("ubuntu 10.04",), "ubuntu 10.04", "Ubuntu 10.04"),
        (("Ubuntu 10.04.4 LTS",), "ubuntu 10.04", "Ubuntu 10.04"),
        (("Ubuntu lucid",), "ubuntu 10.04", "Ubuntu 10.04"),
        (("natty",), "ubuntu 11.04", "Ubuntu 11.04"),
        (("Debian GNU/Linux 6.0.1 (squeeze)",), "debian 6", "Debian 6"),
        (("Debian squeeze",), "debian 6", "Debian 6"),
        (("SUSE Linux Enterprise Server 11 SP3",), "sles 11.3", "SLES 11.3"),
        (("Scientific Linux 6.1",), "scientific 6.1", "Scientific Linux 6.1"),
        (("FreeBSD 8.2-RELEASE",), "freebsd 8.2", "FreeBSD 8.2"),
        (("Windows 7 Ultimate",), "windows 7", "Windows 7"),
        (("Windows Server 2008 R2 SP1",), "windows server 2008 r2", "Windows Server 2008 R2"),
        (("My Own", "3"), "My Own 3", "My Own 3"),
        ((None, None), None, None),
        (("", ""), None, None),
    ],
)
def test_systems(given: tuple[str | None, ...], expected: str | None, shown: str | None) -> None:
    found = distributions.canonical(*given)
    assert found == expected
    assert (found and distributions.display(found)) == shown
    assert distributions.canonical(found) == expected
