"""Lines that name the machine they were printed on: of uname and sar, prompts, `hostname:`.

Text and what to do with a name in, the text out; no I/O, no Django, every pattern is bounded.
Called by the scrubber, which then looks for the same names elsewhere.
"""

import re
from collections.abc import Callable

from crr_submit.netperf.context import TESTS
from crr_submit.netperf.selectors import TITLES

# No name is shorter than this where it stands on its own: "us", "KB" and "db" are everywhere.
SHORTEST_NAME = 3

_NAME = r"[A-Za-z0-9][\w.-]{0,254}"
_LONGER_NAME = r"[A-Za-z0-9][\w.-]{1,254}"
_RUNNERS = r"(?:netperf|netserver|flent|uname|hostname|hostnamectl|sar|mpstat|lscpu|sysctl)\b"
_OTHERS = r"FreeBSD|NetBSD|OpenBSD|DragonFly|Darwin|GNU"
_SYSTEMS = rf"(?:Linux|SunOS|AIX|(?:CYGWIN|MINGW64|MSYS)_NT-[0-9.-]{{1,20}}|{_OTHERS})"
_REST = r"[\w.()/+~-]{0,80}"  # of a version
_PATH = r"[^\s#$%>]{0,200}"
_SIGN = r"[ ]?[#$%>](?:\s|\Z)"
_START = r"^[ \t>|*`-]{0,16}"
_LINE_END = r"[ \t\r|]{0,16}(?:\\?\n|\Z)"
_KEY = r"(?<![A-Za-z0-9])(?:host|node|computer)[ _-]?name"

# Each: what stands before the name, the name. What must follow it is looked at, not taken.
_LINES = (
    # Linux web01 5.10.0-8-amd64 #1 SMP; and without the version of the build (uname -snr)
    re.compile(
        rf"((?<![\w.-]){_SYSTEMS}[ \t]{{1,4}})({_NAME})(?=[ \t]{{1,4}}[0-9]{{1,3}}\.[0-9]{{1,4}}"
        rf"(?:{_REST}[ \t]{{1,4}}(?:\#[ ]?[0-9]|{_OTHERS}|Generic|GENERIC|20[0-9]{{2}}-)"
        rf"|\.[0-9]{_REST}{_LINE_END}))"
    ),
    # Linux 6.1.0 (web01)  11/22/2026 _x86_64_
    re.compile(
        rf"(\bLinux[ \t]{{1,4}}[0-9]{_REST}[ \t]{{1,4}}\()({_NAME})"
        r"(?=\)[ \t]{1,16}(?:[0-9]{2,4}[/.-][0-9]{2}|_))"
    ),
    # Static hostname: web01, "nodename": "web01",
    re.compile(
        rf"({_KEY}[\"']?[ \t]{{0,20}}[:=][ \t]{{0,20}}[\"']?)({_NAME})"
        rf"(?=[\"'][,;}}\]\s]|[\"']?[,;]?{_LINE_END})",
        re.IGNORECASE,
    ),
    # docker run --hostname=web01 image
    re.compile(rf"({_KEY}=)({_NAME})", re.IGNORECASE),
    # $ hostname, and its answer in the next line
    re.compile(
        r"([$#%>][ \t]{0,2}(?:hostname(?: -[sf])?|uname -n)[ \t\r]{0,4}\n[ \t>|]{0,16})"
        rf"({_NAME})(?={_LINE_END})"
    ),
    # eve@web01:~$, [eve@web01 src]#, eve@web01 ~ $
    re.compile(rf"((?<=[\w.+-]@))({_NAME})(?=(?::{_PATH}|[ ]~{_PATH}|[ ]{_PATH}\])[ ]?[#$%>])"),
    # web01:~ #, web01:/tmp>
    re.compile(rf"({_START}\[?)({_LONGER_NAME})(?=:[~/]{_PATH}\]?{_SIGN})", re.MULTILINE),
    # web01 ~ #, [web01 ~]$
    re.compile(rf"({_START}\[?)({_LONGER_NAME})(?=[ ]~{_PATH}{_SIGN})", re.MULTILINE),
    # web01# netperf
    re.compile(
        rf"({_START})({_LONGER_NAME})"
        rf"(?=[#$%>][ \t]{{0,4}}(?:sudo[ ])?(?:[.\w/-]{{0,100}}/)?{_RUNNERS})",
        re.MULTILINE,
    ),
)
_SHELL = re.compile(r"(?i)(?:ba|z|k|da|c|tc|a)?sh(?:-[0-9.]{1,8})?")
_NUMBER = re.compile(r"(?i)[0-9.]{1,40}(?:e[0-9]{1,4})?|nan|inf")
# Not netperf's own keys: DEST_ADDR, UUID=.
_WORD = re.compile(
    r"(?<![\w-])(?![A-Z0-9]{1,30}_[A-Z0-9_]{1,60}\b)(?![A-Z0-9]{1,60}=)[A-Za-z0-9][\w-]{1,254}(?![\w-])"
)

# What machines are called as often as anything else is: such a name points at nobody, and taking it
# out everywhere would make a text unreadable.
_PLAIN_WORDS = """
    localhost localdomain none null unknown
    linux kernel version release gnu unix freebsd netbsd openbsd darwin windows cygwin xen kvm qemu
    hypervisor docker podman kubernetes vagrant virtualbox vmware
    alma almalinux alpine amazon arch archlinux centos clear coreos debian fedora flatcar gentoo
    kali manjaro mint nixos opensuse oracle photon raspberrypi raspbian redhat rhel rocky slackware
    suse ubuntu
    netperf netserver flent iperf iperf3 uperf sockperf wrk neper tcp udp sctp dccp omni ipv4 ipv6
    inet inet6
    af_inet af_inet6 af_unix af_local af_unspec 0bits 3bits 6bits 9bits usec bits bytes
    migrated test tests from port conf interim result alignment offset
    kbytes mbytes gbytes trans tran secs sec per close unidirectional burst histogram demo nodelay
    confidence intervals desired was not achieved within the specified iterations failed error
    connect connection request response stream maerts sendfile send recv receive
    server client host hosts node machine computer router gateway guest master slave primary sender
    receiver local remote source target peer near far this that and for with
    http https ftp ssh scp rsync git file mailto sudo root admin user shell bash name
    eth0 eth1 lo0 ens3 ens5 enp1s0 x86_64 amd64 i386 i686 aarch64 arm64 armv7l riscv64 ppc64le smp
    net core dev vm fs conf all default sys proc lan local
    generic preempt_dynamic preempt intel amd cpu true false yes null
"""
_VOCABULARY = frozenset(
    word.strip("()").lower()
    for phrase in (_PLAIN_WORDS, *TITLES, *TITLES.values(), *TESTS)
    for word in phrase.split()
)


def replaced(text: str, name_of: Callable[[str], str]) -> str:
    """The text with `name_of(name)` for each name that such a line gives."""
    for pattern in _LINES:
        text = pattern.sub(lambda found: found[1] + name_of(found[2]), text)
    return text


def points_at_a_machine(name: str) -> bool:
    """False for words that every text has, numbers, and shells where a host could stand."""
    plain = name.lower().rstrip(".-_")
    is_other = _NUMBER.fullmatch(plain) or _SHELL.fullmatch(plain)
    return plain not in _VOCABULARY and not is_other


def words_replaced(text: str, tokens: dict[str, str]) -> str:
    """The text with the token of each whole word that has one; time is linear in the text."""
    if not tokens:
        return text
    return _WORD.sub(lambda found: tokens.get(found[0].lower(), found[0]), text)
