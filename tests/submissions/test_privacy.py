import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crr_submit import netperf
from submissions import addresses, host_lines, plain_words, privacy
from submissions.decode import Document
from submissions.privacy import SCRUBBER_VERSION, Scrubber, scrub
from submissions.redact import redacted
from submissions.validate import validate
from tests import reports

CAPTURES = sorted((Path(__file__).resolve().parents[1] / "data" / "netperf").glob("*.txt"))
PIECES = (
    "203.0.113.7",
    "203.0.113.7.12865",
    "2001:db8::7",
    "2001:db8::7.12865",
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
    "DEST_ADDR=",
    "DEST_FAMILY=",
    "zeus",
    "-H zeus",
    "-4H '",
    "\\\n",
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
    "web01",
    "Linux web01 2.6.36.4 #1 ",
    "Linux 6.1.0 (web01) 11/22/2026",
    "web01:~ # ",
    "$ hostname\n",
    "hostname: ",
    "debian",
    " at port",
    "fe80::1%eth0",
    "::ffff:127.0.0.1",
    "Nov 23 06:10:11 ",
    "2026-11-23T06:10:11Z ",
    " sshd[1]: ",
    "64 bytes from ",
    "search ",
    "$ ssh ",
    "$ whoami\n",
    "USER=",
    "uid=1(eve)",
    "~eve/",
    "\\Users\\",
    "server db7",
    "203.0.\n113.7",
    "2001:db8:\n:7",
    "00:16:3e:\n12:34:56",
    "00163e123456",
    "enx",
    "0016.3e12.3456",
    "Serial Number: ",
    "eni-0123456789abcdef0",
    "canary.io",
    "=\n",
    "\n> ",
    "x",
    "7",
)


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("ping 203.0.113.7.", "ping address-1."),
        ("203.0.113.7:12865 10.1.2.3/24", "address-1:12865 address-2/24"),
        (
            "IP 203.0.113.7.12865 > 203.0.113.9.40000: Flags [S]",
            "IP address-1.12865 > address-2.40000: Flags [S]",
        ),
        ("tcp4 0 0 203.0.113.7.12865 10.1.2.3.65535", "tcp4 0 0 address-1.12865 address-2.65535"),
        (
            "IP6 2001:db8::7.12865 > 2001:db8::9.40000: Flags",
            "IP6 address-1.12865 > address-2.40000: Flags",
        ),
        ("::ffff:203.0.113.7.12865 203.0.113.7.http", "address-1.12865 address-2.http"),
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
        ("canary.io and canary.de, not main.rs", "host-1 and host-2, not main.rs"),
        ("eve@10.1.2.3:/tmp", "user-1@address-1:/tmp"),
        ("enx00163e123456 on 0016.3e12.3456", "mac-1 on mac-1"),
        ("00:16:3e:12:34:56 is 00163E123456", "mac-1 is mac-1"),
        ('"mac": "00163e123456"', '"mac": "mac-1"'),
        ("eni-0123456789abcdef0 ami-08f40561", "instance-1 ami-08f40561"),
        ("4C4C4544-0039-4D10-8052-B4C04F303253", "instance-1"),
        ("Serial Number: CZ3014ABCD", "Serial Number: instance-1"),
        (
            "/home/eve/netperf as eve, uid=1000(eve)",
            "/home/user-1/netperf as user-1, uid=1000(user-1)",
        ),
        (r'"C:\\Users\\eve"', r'"C:\\Users\\user-1"'),
        ("~eve/bin and USER=eve", "~user-1/bin and USER=user-1"),
        ("$ whoami\neve\n", "$ whoami\nuser-1\n"),
        ("static-203-0-113-7.example.org", "host-1"),
        ("TEST from 0.0.0.0 () port 0 AF_INET to xen7 (10.244.) port", None),
        ("TCP STREAM TEST to xen7", "TCP STREAM TEST to host-1"),
        (
            "TEST from 0.0.0.0 () port 0 to xen7=3D (=3D)",
            "TEST from 0.0.0.0 () port 0 to host-1=3D (=3D)",
        ),
        ("netperf -t TCP_RR -H xen7,inet -L eth", "netperf -t TCP_RR -H host-1,inet -L host-2"),
        ("a netserver listening on xen7 at port 12865?", None),
        ("Netperf could not resolve xen7 as a host name", None),
    ],
)
def test_what_points_at_someone_is_taken_out(text: str, scrubbed: str | None) -> None:
    found = scrub(text).text
    if scrubbed is None:
        assert not re.search(r"xen7|10\.244", found)
    else:
        assert found == scrubbed


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1 127.8.9.10 ::1 :: ::0 0.0.0.0 localhost localhost.localdomain root@localhost",
        "::ffff:127.0.0.1 [::ffff:127.0.0.1]:12865 ip6-loopback ip6-localhost -H ::ffff:127.0.0.1",
        "netperf -H ip6-loopback TEST to ip6-loopback (::1) localhost6.localdomain6 ::1%lo",
        "took 10.00.\n0.5 was the rest, then 16384.\n10.00 0.00 1.1",
        "Fixes: 0123456789ab and 131072 874500 123456789012",
        "Linux 2.6.36.4 (custom PV kernel) under Xen 3.2.1",
        "2.6.38.6 kernel, kernel: 4.9.0.13, linux-image-3.2.0.4-amd64",
        "netperf version 2.7.0 firmware 14.20.1010.3 driver=5.1.2.3 v1.2.3.4 OID 1.3.6.1.4.1",
        "net.ipv4.tcp_syncookies net.core.somaxconn hw.model",
        "setup.py README.md /etc/rc.local libc.so.6 pipeline.lua super.sh",
        "12:34:56 2023-08-15T13:53:26 TEN_USEC      :    0:    0: std::string",
        "Intel Xeon CPU E5345 @ 2.33GHz 2.5% @ 99% conf.",
        "TEST from (null) (0.0.0.0) port 0 AF_INET to 127.0.0.1 (127.0.0) port 0",
        "netperf -H $peer -H ${NETPERF_SERVER} -p 12865",
        "TCP STREAM TEST from 0.0.0.0 (=3D) port 0",
        "https://github.com/HewlettPackard/netperf ff:ff:ff:ff:ff:ff",
        "127.0.0.1.12865 ::1.12865 version 9.18.99.14.7 OID 1.3.6.1.4.1.5 1.2.3.4.65536",
        "300.1.2.3 1327962078.405 16384  87380  1  1  10.00  3538.82",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert scrub(text).text == text


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        (
            "Linux web01 2.6.38-8-generic #42-Ubuntu SMP x86_64 GNU/Linux",
            "Linux host-1 2.6.38-8-generic #42-Ubuntu SMP x86_64 GNU/Linux",
        ),
        ("Linux web01 2.6.36.4 #1 SMP", "Linux host-1 2.6.36.4 #1 SMP"),
        ("Linux web01 5.10.0-8-amd64\n", "Linux host-1 5.10.0-8-amd64\n"),
        ("FreeBSD web01 13.1-RELEASE FreeBSD 13.1", "FreeBSD host-1 13.1-RELEASE FreeBSD 13.1"),
        (
            "Linux 6.1.0 (web01)  11/22/2026 _x86_64_\t(4 CPU)",
            "Linux 6.1.0 (host-1)  11/22/2026 _x86_64_\t(4 CPU)",
        ),
        ("web01:~ # netperf", "host-1:~ # netperf"),
        ("> web01:/tmp> make", "> host-1:/tmp> make"),
        ("[web01 ~]$ ls", "[host-1 ~]$ ls"),
        ("web01# ./netperf", "host-1# ./netperf"),
        ("[root@web01 ~]# ls", "[root@host-1 ~]# ls"),
        ("root@web01.example.com:~# ls", "root@host-1:~# ls"),
        (" Static hostname: web01\n", " Static hostname: host-1\n"),
        ("hostname: web01", "hostname: host-1"),
        ('{"nodename": "web01", "x": 1}', '{"nodename": "host-1", "x": 1}'),
        ("run --hostname=web01 image", "run --hostname=host-1 image"),
        ("kernel.hostname = web01", "kernel.hostname = host-1"),
        ("$ hostname\nweb01\n", "$ hostname\nhost-1\n"),
        ("Nov 23 06:10:11 web01 sshd[123]: x", "Nov 23 06:10:11 host-1 sshd[123]: x"),
        (
            "2026-11-23T06:10:11.5+00:00 web01 kernel: x",
            "2026-11-23T06:10:11.5+00:00 host-1 kernel: x",
        ),
        ("<34>1 2026-11-23T06:10:11Z web01 su - x", "<34>1 2026-11-23T06:10:11Z host-1 su - x"),
        ("PING web01 (203.0.113.7) 56(84)", "PING host-1 (address-1) 56(84)"),
        ("64 bytes from web01 (203.0.113.7): x", "64 bytes from host-1 (address-1): x"),
        ("203.0.113.7 web01\n", "address-1 host-1\n"),
        ("203.0.113.7\tweb01 db7.example.com\n", "address-1\thost-1 host-2\n"),
        ("search web01 lan7\n", "search host-1 host-2\n"),
        ("$ ssh -p 22 web01\n", "$ ssh -p 22 host-1\n"),
        ("ssh: connect to host web01 port 22: x", "ssh: connect to host host-1 port 22: x"),
        ("the machine is called web01", "the machine is called host-1"),
        ("my server web01, idle", "my server host-1, idle"),
        ("its hostname is web01", "its hostname is host-1"),
    ],
)
def test_a_machine_that_a_line_names_is_taken_out_everywhere(text: str, scrubbed: str) -> None:
    assert scrub(text).text == scrubbed
    around = "(web01) is WEB01, not web012 {}\nweb01-lan and web01."
    assert scrub(around.format("\n" + text)).text == around.format("\n" + scrubbed).replace(
        "(web01) is WEB01", "(host-1) is host-1"
    ).replace("web01.", "host-1.")


@pytest.mark.parametrize(
    "text",
    [
        "Linux debian 6.1.0-9-amd64 #1 SMP Debian",
        "Linux localhost 2.6.36.4 #1 SMP",
        "Linux 2.6.38-8-generic x86_64 #42-Ubuntu",
        "Linux 2.6.36.4 (custom PV kernel)",
        "Linux version 5.10.0 (gcc 10.2)",
        "we ran Linux Foo 14.2 there",
        "bash-5.1$ netperf\nsh-4.2# netperf",
        "the hostname: it is not known",
        "hostname: localhost\nhostname: netperf\nnetperf -t TCP_RR localhost",
        "hostname: throughput\nTHROUGHPUT=1\nThroughput",
        "hostname: 16384\n16384 87380",
        "host ubuntu22 node cpu1 box centos7 guest linux2",
        "2026-11-23T06:10:11Z INFO main: TEST",
        "10.5 2.7.0\n12:34:56 netperf-2.7\nsearch for a name",
        "from 10.1 (bytes) to (null) (0.0.0.0)",
    ],
)
def test_words_that_every_text_has_are_no_names_of_machines(text: str) -> None:
    assert scrub(text).text == text


def test_a_name_of_a_machine_in_a_capture_changes_no_result() -> None:
    for capture in CAPTURES:
        text = capture.read_text(encoding="utf-8")
        for word in sorted(set(re.findall(r"[A-Za-z][\w-]{2,62}", text))):
            if not plain_words.points_at_someone(word):
                continue
            named = f"hostname: {word}\n{text}"
            assert netperf.parse(scrub(named).text).results == netperf.parse(named).results, word


@pytest.mark.parametrize(
    "command",
    [
        "netperf -t TCP_CRR -H {} -l 10",
        "netperf -t TCP_CRR \\\n    -H {} -l 10",
        "> netperf -t TCP_CRR \\\r\n>   -l 10 -H {}\r\n",
        "netperf -l=\n 10 -H {}",
        "> netperf -t TCP_CRR -l 10\n> -H {}\n",
        ">netperf -t TCP_CRR\n>-l 10\n>-H {}",
        "netperf -H '{}' -l 10",
        'netperf -L "{}",inet',
        '{{"command": "netperf -H \\"{}\\""}}',
        "netperf -H  {} -l 10",
        "netperf -H\t{}",
        "netperf -H{}",
        "netperf -4H {} -l 10",
        "netperf -jH {}",
        "netserver -DL {}.",
        "flent rrul --host={} -l 10",
        "(netperf -H {})",
    ],
)
def test_the_far_end_of_a_command_is_taken_out(command: str) -> None:
    scrubbed = command.format("host-1")
    assert scrub(command.format("zeus")).text == scrubbed
    assert scrub(scrubbed).text == scrubbed
    run = {"outputs": [], "command": command.format("zeus")}
    found = redacted(Document(envelope={"runs": [run]})).envelope
    assert found is not None
    assert found["runs"][0]["command"] == scrubbed


@pytest.mark.parametrize(
    "text",
    [
        "ls -H zeus\nnetperf ran:\n$ ls -H zeus",
        "netperf -l 10\n-c -C\nand more\n-H zeus",
        "netperf -H '$PEER' -H \"${NETPERF_SERVER}\" -H $(cat peer) -H <name> -H ...",
        "netperf -H  localhost \\\n -L ::1",
    ],
)
def test_what_is_no_far_end_of_a_command_stays(text: str) -> None:
    assert scrub(text).text == text


FAR_ENDS = (
    "$ netperf -t TCP_CRR -H zeus -- -o",
    "$ netperf -H zeus.example.org",
    "MIGRATED TCP STREAM TEST from 0.0.0.0 () port 0 AF_INET to Zeus () port 0 AF_INET",
    "TCP STREAM TEST to zeus.lan7",
    "a netserver listening on zeus at port 12865?",
    "DEST_ADDR=zeus",
    "SOURCE_ADDR='zeus'",
    "DEST_ADDR=3Dzeus",
    "SOURCE_ADDR=zeusDEST_ADDR=0.0.0.0",
)


@pytest.mark.parametrize("naming", FAR_ENDS)
def test_the_name_of_a_far_end_is_taken_out_everywhere(naming: str) -> None:
    rest = """
Destination Address,Throughput,Throughput Units
{},7484.65,Trans/s
DEST_ADDR={}
THROUGHPUT=7484.65
(from hera to {}, not {}2) {}.
"""
    text = rest.format("zeus", "zeus", "Zeus", "zeus", "zeus")
    scrubbed = rest.format("host-1", "host-1", "host-1", "zeus", "host-1")
    for whole in (f"{naming}\n{text}", f"{text}\n{naming}"):
        found = scrub(whole).text
        assert scrubbed in found
        assert netperf.parse(found).results == netperf.parse(whole).results
        assert scrub(found).text == found
    envelope = {"notes": text, "runs": [{"outputs": [text, naming], "command": "sh zeus"}]}
    redacted_envelope = redacted(Document(envelope=envelope)).envelope
    assert redacted_envelope is not None
    assert redacted_envelope["notes"] == scrubbed
    assert redacted_envelope["runs"][0]["outputs"][0] == scrubbed
    assert redacted_envelope["runs"][0]["command"] == "sh host-1"


@pytest.mark.parametrize(
    "word", ["test", "tcp", "linux", "vm", "server", "db", "web", "and", "Throughput", "option"]
)
def test_a_far_end_with_the_name_of_a_word_is_taken_out_where_it_stands(word: str) -> None:
    rest = f"{word} and (web) server db: TCP STREAM test of the vm on Linux, an option\n"
    rest += "Throughput=1\n"
    text = f"netperf -H {word} -l 10\nDEST_ADDR={word}\nDEST_PORT=0\n{rest}"
    assert scrub(text).text == (f"netperf -H host-1 -l 10\nDEST_ADDR=host-1\nDEST_PORT=0\n{rest}")


@pytest.mark.parametrize(
    "text",
    [
        "DEST_ADDR=127.0.0.1\nSOURCE_ADDR=0.0.0.0\nDEST_ADDR=::1 DEST_ADDR=localhost",
        "DEST_ADDR=\nDEST_ADDR=DEST_FAMILY=AF_INET\nDEST_ADDR=127.0.0.1DEST_FAMILY=AF_INET",
        "DEST_ADDR=(null)\nLOCAL_SYSNAME=Linux\nLOCAL_INTERFACE_NAME=eth0",
    ],
)
def test_keys_of_addresses_without_one_stay(text: str) -> None:
    assert scrub(text).text == text


def test_a_name_of_a_far_end_in_a_capture_changes_no_result() -> None:
    for capture in CAPTURES:
        text = capture.read_text(encoding="utf-8")
        for word in sorted(set(re.findall(r"[A-Za-z][\w-]{1,62}", text))):
            named = f"$ netperf -H {word}\n\n{text}"
            assert netperf.parse(scrub(named).text).results == netperf.parse(named).results, word


def test_columns_are_read_beside_the_name_of_a_far_end() -> None:
    text = """\
$ netperf -t TCP_CRR -H {} -- -O DEST_ADDR,THROUGHPUT,THROUGHPUT_UNITS
MIGRATED TCP Connect/Request/Response TEST from 0.0.0.0 () port 0 AF_INET to {} () port 0 AF_INET
Destination Throughput Throughput
Address                Units

{} 7484.65    Trans/s
"""
    for name in ("zeus", "zeus-of-the-lab"):
        far = text.format(name, name, name.ljust(11))
        found = scrub(far).text
        assert name not in found
        assert [result.value for result in netperf.parse(found).results] == [7484.65]


def test_the_texts_of_one_report_know_each_others_machines() -> None:
    run = {"outputs": ["to web01", "web01:~ # netperf"], "command": "sh web01.sh"}
    found = redacted(Document(envelope={"notes": "hostname: db7x", "runs": [run]})).envelope
    assert found is not None
    assert found["runs"][0] == {
        "outputs": ["to host-1", "host-1:~ # netperf"],
        "command": "sh host-1.sh",
    }
    assert redacted(Document(envelope=found)).envelope == found


def test_maps_with_free_keys_are_scrubbed_and_short() -> None:
    maps = {
        "tuning": {
            "net.ipv4.tcp_syncookies": 1,
            "net.core.somaxconn": "4096",
            "kernel.hostname": "web01",
            "db1.example.com": "10.1.2.3 eve@example.org",
            "x" * 128: "y" * 4096,
            "driver_version": "5.1.2.3",
        },
        "virtualization": {"version": "10.1.2.3", "signals": {"dmi": "on web01", "seen": True}},
        "cpu": {"mitigations": {"spectre_v2": "Mitigation: Retpolines; IBPB: conditional"}},
        "nic": {"offloads": {"tso on 10.1.2.3": True}},
    }
    telemetry = {"interrupts": {"eth0-TxRx-0": 7, "00:16:3e:12:34:56": 8}}
    run = {"outputs": [], "telemetry": telemetry, "remote_environment": {"tuning": {"a": "web01"}}}
    document = Document(envelope={"environment": maps, "runs": [run]})
    before = repr(document)
    found = redacted(document).envelope
    assert found is not None
    assert repr(document) == before
    assert found["environment"] == {
        "tuning": {
            "net.ipv4.tcp_syncookies": 1,
            "net.core.somaxconn": "4096",
            "kernel.hostname": "host-1",
            "host-2": "address-1 mail-1",
            "x" * 128: "y" * 512,
            "driver_version": "5.1.2.3",
        },
        "virtualization": {"version": "10.1.2.3", "signals": {"dmi": "on host-1", "seen": True}},
        "cpu": maps["cpu"],
        "nic": {"offloads": {"tso on address-1": True}},
    }
    assert found["runs"][0]["telemetry"] == {"interrupts": {"eth0-TxRx-0": 7, "mac-1": 8}}
    assert found["runs"][0]["remote_environment"] == {"tuning": {"a": "host-1"}}
    assert redacted(Document(envelope=found)).envelope == found


def test_warnings_about_unknown_keys_are_scrubbed_and_short() -> None:
    envelope = {"report_version": 1, "runs": [{"outputs": []}], "y" * 5000: 1}
    envelope["my host is web01.corp.example.com 10.1.2.3"] = 1
    assert validate(envelope) == [
        "y" * 128 + ": unknown key, not kept",
        "my host is host-1 address-1: unknown key, not kept",
    ]


def test_warnings_about_unknown_keys_know_the_machines_of_the_report() -> None:
    run = {"outputs": ["web01:~ # netperf"]}
    assert validate({"report_version": 1, "runs": [run], "on web01": 1}) == [
        "on host-1: unknown key, not kept"
    ]


def test_an_address_called_a_kernel_is_an_address_when_no_kernel_has_that_number() -> None:
    assert scrub("Linux 203.0.113.7").text == "Linux address-1"


@pytest.mark.parametrize(
    "text",
    [
        "netserver: 203.0.113.7",
        "netserver 192.168.1.5",
        "netserver 8.8.8.8",
        "netperf = 203.0.113.7",
        "Xen (192.168.0.5)",
        "qemu 192.168.122.5 to",
        "ESXi 203.0.113.7",
        "driver: 10.0.0.7",
        "driver: 3.120.15.200",
        "driver: 12.19.1.37",
        "version 10.0.0.7",
        "release (172.16.0.7)",
        "firmware 203.0.113.7",
        "v203.0.113.7",
    ],
)
def test_an_address_behind_a_word_of_versions_is_an_address(text: str) -> None:
    assert scrub(text).text == re.sub(r"[0-9.]{7,}", "address-1", text)


@pytest.mark.parametrize(
    "text",
    [
        "driver version 9.18.99.14.g",
        "driver version: 12.19.1.37",
        "driver=1.4.17.0-k",
        "firmware-version: 20.6.55.0",
        "Version 10.0.19045.1",
        "virtio 100.85.104.20100",
        "QEMU 2.5.1.1",
        "Xen 4.17.0.1",
        "ESXi-6.7.0.1",
        "rev. 0.9.200.1",
        "v1.2.3.4",
    ],
)
def test_a_version_of_four_numbers_stays(text: str) -> None:
    assert scrub(text).text == text


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
    # netperf's UUID holds a time, and by its kind may hold the MAC.
    assert scrub(text).text == re.sub(r"(?<=\nUUID=)\S+", "instance-1", text)
    assert "203.0.113.7" not in scrub(far).text
    assert netperf.parse(scrub(far).text).results == netperf.parse(far).results


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_scrubbing_twice_changes_nothing_more(text: str) -> None:
    once = scrub(text).text
    assert scrub(once).text == once


FIGURES = st.from_regex(r"\A[0-9]{1,4}(\.[0-9]{1,3})?\Z")
BETWEEN = st.sampled_from((" ", "  ", "=", ",", "\n", "\n> ", ":\n", ".\n", ":", ".", "-", "("))


@settings(deadline=None, max_examples=500)
@given(st.lists(FIGURES | BETWEEN | st.sampled_from(PIECES), max_size=14).map("".join))
def test_what_is_remembered_of_a_text_of_this_form_holds_for_its_figures(text: str) -> None:
    """The quick way of a text with other figures gives what the long way gives."""
    quick, long = Scrubber(), Scrubber()
    quick.learn(text)
    named = text
    for step in long._naming_steps():
        named = step(named)
    assert quick._names == long._names
    assert Scrubber().scrub(text) == Scrubber()._scrubbed(text)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_scrubbed(text: str) -> None:
    once = scrub(text).text
    assert scrub(once).text == once


@settings(deadline=None)
@given(st.ip_addresses().filter(lambda address: not addresses.is_kept(address)))
def test_no_address_is_left(address: object) -> None:
    for text in (
        f"to {address} port",
        f"({address})",
        f"{address}\n",
        f"-H {address}",
        f"a={address};",
        f"IP {address}.12865 > x",
    ):
        assert str(address) not in scrub(text).text


def test_no_pattern_repeats_without_bound() -> None:
    patterns = {
        name: value
        for module in (privacy, addresses, host_lines, plain_words)
        for name, value in vars(module).items()
        if isinstance(value, re.Pattern)
    }
    patterns.update(
        {
            line.pattern.pattern: line.pattern
            for line in (*host_lines._LINES, *host_lines._USER_LINES)
        }
    )
    assert len(patterns) > 15
    for name, pattern in patterns.items():
        bare = re.sub(r"\\.", "", pattern.pattern)
        bare = re.sub(r"\[[^\]]*\]", "", bare)
        assert not re.search(r"[*+]|,\}", bare), name


LONG = "the rate of the second run, from this host to the one at "


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        (f"{LONG}10.1.\n2.3 is", f"{LONG}address-1\n is"),
        (f"> {LONG}203.0.113\n> .7 is", f"> {LONG}address-1\n>  is"),
        (f"{LONG}10.=\n1.2.3 is", f"{LONG}address-1=\n is"),
        (f"{LONG}2001:db8::\n7:1 is", f"{LONG}address-1\n is"),
        ("fe80::216:3eff\r\n:fe12:3456", "address-1\r\n"),
        ("HWaddr 00:16:3e:\n12:34:56 x", "HWaddr mac-1\n x"),
        (f"{LONG}127.0.\n0.1 is", f"{LONG}127.0.\n0.1 is"),
        ("at 10:11:\n12:13 and 12:34:\n56", "at 10:11:\n12:13 and 12:34:\n56"),
    ],
)
def test_addresses_that_go_on_in_the_next_line(text: str, scrubbed: str) -> None:
    assert scrub(text).text == scrubbed
    assert scrub(scrubbed).text == scrubbed


def test_a_name_of_a_user_in_a_capture_changes_no_result() -> None:
    for capture in CAPTURES:
        text = capture.read_text(encoding="utf-8")
        for word in sorted(set(re.findall(r"[A-Za-z][\w-]{2,62}", text))):
            named = f"USER={word}\n{text}"
            if plain_words.points_at_someone(word):
                same = netperf.parse(scrub(named).text).results == netperf.parse(named).results
                assert same, word


@pytest.mark.parametrize("before", ["/home/", "/home/eve", "eve@web01", "eve@web01.example.org"])
def test_a_banner_glued_to_a_name_is_still_one(before: str) -> None:
    text = before + reports.text()
    scrubbed = scrub(text).text
    assert netperf.parse(scrubbed).results == netperf.parse(text).results
    assert "eve" not in scrubbed
    assert "web01" not in scrubbed
    assert scrub(scrubbed).text == scrubbed


def test_an_escaped_line_end_belongs_to_no_name() -> None:
    text = '{"o": "\\nbob@web01:~$ netperf -H db7.example.org\\nTCP STREAM TEST to db7\\nRecv"}'
    scrubbed = scrub(text).text
    assert "bob" not in scrubbed
    assert "db7" not in scrubbed
    assert scrubbed.count("\\n") == 3
