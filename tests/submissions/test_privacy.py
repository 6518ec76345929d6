import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crr_submit import netperf
from submissions import privacy
from submissions.privacy import SCRUBBER_VERSION, Scrubber, scrub

CAPTURES = sorted((Path(__file__).resolve().parents[1] / "data" / "netperf").glob("*.txt"))
PIECES = (
    "203.0.113.7",
    "2001:db8::7",
    "00:16:3e:12:34:56",
    "00-16-3e-12-34-56",
    "eve@example.org",
    "eve@xen7:~$ ",
    "[eve@xen7 ~]# ",
    "i-0123abcd",
    "ip-10-1-2-3",
    "db1.example.com",
    "/home/eve/x",
    "127.0.0.1",
    "::1",
    "localhost",
    "host-1",
    "address-2",
    "user-1@host-1",
    "mail-1",
    "2.6.36.4",
    "TCP STREAM TEST from 0.0.0.0 () port 0 AF_INET to ",
    "netperf -H ",
    "(",
    ")",
    ":",
    ".",
    "-",
    "@",
    "/",
    " ",
    "\n",
    "to ",
    "from ",
    "port 0",
    "listening on ",
    " at port",
    "fe80::1%eth0",
    "x",
    "7",
)


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("ping 203.0.113.7.", "ping address-1."),
        ("203.0.113.7:12865 10.1.2.3/24", "address-1:12865 address-2/24"),
        ("010.001.002.003 and 10.1.2.3", "address-1 and address-1"),
        ("[2001:db8::7]:80 fe80::216:3eff:fe12:3456%eth0", "[address-1]:80 address-2%eth0"),
        ("::ffff:203.0.113.7", "address-1"),
        ("HWaddr 00:16:3E:12:34:56 00-16-3e-12-34-56", "HWaddr mac-1 mac-1"),
        ("Eve <eve.x@mail.example.org>", "Eve <mail-1>"),
        ("eve@xen7:~$ netperf -H 203.0.113.7", "user-1@host-1:~$ netperf -H address-1"),
        ("[root@Xen7 bin]# make", "[root@host-1 bin]# make"),
        ("/home/eve/netperf /Users/eve", "/home/user-1/netperf /Users/user-1"),
        (r"C:\Users\eve\x", r"C:\Users\user-1\x"),
        ("i-08f40561 i-0123456789abcdef0", "instance-1 instance-2"),
        ("ip-10-1-2-3 ip-10-1-2-3.ec2.internal", "host-1 host-2"),
        ("see db1.example.com, web.example.co.uk.", "see host-1, host-2."),
        ("http://stats.example.net/x", "http://host-1/x"),
        ("TEST from 0.0.0.0 () port 0 AF_INET to xen7 (10.244.) port", None),
        ("TCP STREAM TEST to xen7", "TCP STREAM TEST to host-1"),
        ("netperf -t TCP_RR -H xen7,inet -L eth", "netperf -t TCP_RR -H host-1,inet -L host-2"),
        ("a netserver listening on xen7 at port 12865?", None),
        ("Netperf could not resolve xen7 as a host name", None),
    ],
)
def test_what_points_at_someone_is_taken_out(text: str, scrubbed: str | None) -> None:
    found = scrub(text).text
    assert found == scrubbed if scrubbed else not re.search(r"xen7|10\.244", found)


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1 127.8.9.10 ::1 :: ::0 0.0.0.0 localhost localhost.localdomain root@localhost",
        "Linux 2.6.36.4 (custom PV kernel) under Xen 3.2.1",
        "2.6.38.6 kernel, kernel: 4.9.0.13, linux-image-3.2.0.4-amd64",
        "netperf version 2.7.0 firmware 14.20.1010.3 driver=5.1.2.3 v1.2.3.4 OID 1.3.6.1.4.1",
        "net.ipv4.tcp_syncookies net.core.somaxconn hw.model",
        "setup.py README.md /etc/rc.local libc.so.6 pipeline.lua super.sh",
        "12:34:56 2023-08-15T13:53:26 TEN_USEC      :    0:    0: std::string",
        "Intel Xeon CPU E5345 @ 2.33GHz 2.5% @ 99% conf.",
        "TEST from (null) (0.0.0.0) port 0 AF_INET to 127.0.0.1 (127.0.0) port 0",
        "netperf -H $peer -H ${NETPERF_SERVER} -p 12865",
        "https://github.com/HewlettPackard/netperf ff:ff:ff:ff:ff:ff",
        "300.1.2.3 1327962078.405 16384  87380  1  1  10.00  3538.82",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert scrub(text).text == text


def test_an_address_called_a_kernel_is_an_address_when_no_kernel_has_that_number() -> None:
    assert scrub("Linux 203.0.113.7").text == "Linux address-1"


def test_the_texts_of_one_report_share_their_tokens() -> None:
    scrubber = Scrubber()
    assert scrubber.scrub("10.1.2.3 10.1.2.4") == "address-1 address-2"
    assert scrubber.scrub("10.1.2.4 eve@xen7") == "address-2 user-1@host-1"
    assert scrubber.counts() == {"address": 2, "user": 1, "host": 1}
    assert Scrubber().scrub("10.1.2.4") == "address-1"


def test_counts_say_how_much_was_taken_out() -> None:
    assert scrub("10.1.2.3 10.1.2.3 eve@example.org").counts == {"address": 1, "mail": 1}
    assert scrub("nothing here").counts == {}
    assert SCRUBBER_VERSION >= 1


@pytest.mark.parametrize("capture", CAPTURES, ids=[path.stem for path in CAPTURES])
def test_captures_say_the_same_after_scrubbing(capture: Path) -> None:
    text = capture.read_text(encoding="utf-8")
    far = text.replace("127.0.0.1", "203.0.113.7")
    assert scrub(text).text == text
    assert "203.0.113.7" not in scrub(far).text
    assert netperf.parse(scrub(far).text).results == netperf.parse(far).results


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_scrubbing_twice_changes_nothing_more(text: str) -> None:
    once = scrub(text).text
    assert scrub(once).text == once


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_scrubbed(text: str) -> None:
    once = scrub(text).text
    assert scrub(once).text == once


@settings(deadline=None)
@given(st.ip_addresses().filter(lambda a: not a.is_loopback and not a.is_unspecified))
def test_no_address_is_left(address: object) -> None:
    for text in (
        f"to {address} port",
        f"({address})",
        f"{address}\n",
        f"-H {address}",
        f"a={address};",
    ):
        assert str(address) not in scrub(text).text


def test_no_pattern_repeats_without_bound() -> None:
    patterns = {
        name: value for name, value in vars(privacy).items() if isinstance(value, re.Pattern)
    }
    assert len(patterns) > 15
    for name, pattern in patterns.items():
        bare = re.sub(r"\\.", "", pattern.pattern)
        bare = re.sub(r"\[[^\]]*\]", "", bare)
        assert not re.search(r"[*+]|,\}", bare), name
