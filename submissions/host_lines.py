"""Lines that name the machine they were printed on, or its user: of uname and sar, prompts, logs,
`hostname:`, ping, hosts files.

Text and what to do with a name in, the text out; no I/O, no Django, every pattern is bounded.
Called by the scrubber, which then looks for the same names elsewhere.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

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

_TAG = r"[\w/.()@-]{1,64}(?:\[[0-9]{1,10}\])?:"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_INSTANT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(?:[.,][0-9]{1,9})?(?:Z|[+-][0-9:]{4,6})"
_HEXTET = r"[0-9A-Fa-f]{1,4}"
_ADDRESS = (
    r"(?:address-[0-9]{1,9}|[0-9]{1,3}(?:\.[0-9]{1,3}){3}"
    rf"|(?:{_HEXTET}:){{7}}{_HEXTET}|[0-9A-Fa-f:]{{0,37}}::[0-9A-Fa-f:]{{0,37}})"
)
_NAMED = r"(?=[A-Za-z.-]{0,63}[0-9.-])[A-Za-z0-9][\w-]{1,62}(?:\.[\w-]{1,63}){0,8}"
_KNOWN = r"(?:[ \t]{1,16}host-[0-9]{1,9}){0,8}"
_MORE = r"(?:[ \t]{1,16}[\w.-]{1,255}){0,8}"
_MACHINES = r"(?:host|server|machine|node|box|guest|vm|hypervisor|dom0|domU|client|target)"
_COMMANDS = r"(?:ssh|ping6?|telnet|mosh|traceroute6?|tracepath6?|mtr|nslookup|dig|rsh)"


class _Line(NamedTuple):
    """`pattern` has two groups: what stands before the name, the name. What must follow is looked
    at, not taken. A text in small letters without any of `clues` cannot match.
    """

    clues: tuple[str, ...]
    pattern: re.Pattern[str]


_LINES = (
    # Linux web01 5.10.0-8-amd64 #1 SMP; and without the version of the build (uname -snr)
    _Line(
        ("linux", "sunos", "aix", "cygwin", "mingw64", "msys", "bsd", "dragonfly", "darwin", "gnu"),
        re.compile(
            rf"((?<![\w.-]){_SYSTEMS}[ \t]{{1,4}})({_NAME})"
            r"(?=[ \t]{1,4}[0-9]{1,3}\.[0-9]{1,4}"
            rf"(?:{_REST}[ \t]{{1,4}}(?:\#[ ]?[0-9]|{_OTHERS}|Generic|GENERIC|20[0-9]{{2}}-)"
            rf"|\.[0-9]{_REST}{_LINE_END}))"
        ),
    ),
    # Linux 6.1.0 (web01)  11/22/2026 _x86_64_
    _Line(
        ("linux",),
        re.compile(
            rf"(\bLinux[ \t]{{1,4}}[0-9]{_REST}[ \t]{{1,4}}\()({_NAME})"
            r"(?=\)[ \t]{1,16}(?:[0-9]{2,4}[/.-][0-9]{2}|_))"
        ),
    ),
    # Static hostname: web01, "nodename": "web01",
    _Line(
        ("name",),
        re.compile(
            rf"({_KEY}[\"']?[ \t]{{0,20}}[:=][ \t]{{0,20}}[\"']?)({_NAME})"
            rf"(?=[\"'][,;}}\]\s]|[\"']?[,;]?{_LINE_END})",
            re.IGNORECASE,
        ),
    ),
    # docker run --hostname=web01 image
    _Line(("name=",), re.compile(rf"({_KEY}=)({_NAME})", re.IGNORECASE)),
    # $ hostname, and its answer in the next line
    _Line(
        ("hostname", "uname"),
        re.compile(
            r"([$#%>][ \t]{0,2}(?:hostname(?: -[sf])?|uname -n)[ \t\r]{0,4}\n[ \t>|]{0,16})"
            rf"({_NAME})(?={_LINE_END})"
        ),
    ),
    # eve@web01:~$, [eve@web01 src]#, eve@web01 ~ $
    _Line(
        ("@",),
        re.compile(rf"((?<=[\w.+-]@))({_NAME})(?=(?::{_PATH}|[ ]~{_PATH}|[ ]{_PATH}\])[ ]?[#$%>])"),
    ),
    # web01:~ #, web01:/tmp>
    _Line(
        (":~", ":/"),
        re.compile(rf"({_START}\[?)({_LONGER_NAME})(?=:[~/]{_PATH}\]?{_SIGN})", re.MULTILINE),
    ),
    # web01 ~ #, [web01 ~]$
    _Line(
        (" ~",), re.compile(rf"({_START}\[?)({_LONGER_NAME})(?=[ ]~{_PATH}{_SIGN})", re.MULTILINE)
    ),
    # web01# netperf
    _Line(
        ("#", "$", "%", ">"),
        re.compile(
            rf"({_START})({_LONGER_NAME})"
            rf"(?=[#$%>][ \t]{{0,4}}(?:sudo[ ])?(?:[.\w/-]{{0,100}}/)?{_RUNNERS})",
            re.MULTILINE,
        ),
    ),
    # Nov 23 06:10:11 web01 sshd[123]:
    _Line(
        (
            "jan ",
            "feb ",
            "mar ",
            "apr ",
            "may ",
            "jun ",
            "jul ",
            "aug ",
            "sep ",
            "oct ",
            "nov ",
            "dec ",
        ),
        re.compile(
            rf"({_START}{_MONTH} [ 0-9][0-9] [0-9:]{{8}} )({_NAME})(?= {_TAG})", re.MULTILINE
        ),
    ),
    # 2026-11-23T06:10:11.5+00:00 web01 sshd[123]:, <34>1 2026-11-23T06:10:11Z web01 sshd 123
    _Line(("-0", "-1"), re.compile(rf"({_START}{_INSTANT} )({_NAME})(?= {_TAG})", re.MULTILINE)),
    _Line(
        (">1 ",),
        re.compile(rf"({_START}<[0-9]{{1,3}}>1 {_INSTANT} )({_NAME})(?= \S)", re.MULTILINE),
    ),
    # PING web01 (203.0.113.7), 64 bytes from web01 (203.0.113.7), traceroute to web01 (...)
    _Line((" (",), re.compile(rf"(\b(?:PING|from|From|to|via) )({_NAME})(?= \({_ADDRESS}\))")),
    # 203.0.113.7 web01 web01.example.com, as in /etc/hosts
    _Line(
        (".", "::", "address-"),
        re.compile(
            rf"({_START}{_ADDRESS}{_KNOWN}[ \t]{{1,16}})({_NAMED})(?={_MORE}{_LINE_END})",
            re.MULTILINE,
        ),
    ),
    # search example.com corp.example.com, as in /etc/resolv.conf
    _Line(
        ("search", "domain"),
        re.compile(
            rf"({_START}(?:search|domain){_KNOWN}[ \t]{{1,16}})({_NAMED})(?={_MORE}{_LINE_END})",
            re.MULTILINE,
        ),
    ),
    # $ ssh web01, and its error
    _Line(
        ("ssh", "ping", "telnet", "mosh", "trac", "mtr", "lookup", "dig", "rsh"),
        re.compile(
            rf"([$#%>][ ]{{1,2}}(?:sudo )?{_COMMANDS} (?:-[\w]{{1,8}} (?:[0-9]{{1,6}} )?){{0,6}})"
            rf"({_NAME})(?={_LINE_END})"
        ),
    ),
    _Line(("to host ",), re.compile(rf"(\bto host )({_NAME})(?= port )")),
    # the machine is called web01, my server web01
    _Line(
        ("named ", "called "),
        re.compile(
            rf"(\b{_MACHINES} (?:is |was )?(?:named|called) [\"'`]?)({_NAME}(?<![.-]))",
            re.IGNORECASE,
        ),
    ),
    _Line(
        ("name is", "name was"),
        re.compile(rf"({_KEY} (?:is|was) [\"'`]?)({_NAMED}(?<![.-]))", re.IGNORECASE),
    ),
    _Line(
        ("host ", "server ", "machine ", "node ", "box ", "vm ", "guest "),
        re.compile(
            r"(\b(?i:host|server|machine|node|box|vm|guest) [\"'`]?)"
            r"([a-z]{2,30}(?:-[a-z]{1,20}){0,3}-?[0-9]{1,4})(?![\w-]|\.[0-9])"
        ),
    ),
)
_USER = r"[A-Za-z_][\w.-]{0,63}"
_USER_LINES = (
    # /home/eve, C:\Users\eve, and the same in JSON
    _Line(
        ("/home/", "users"),
        re.compile(r"(/home/|/Users/|\\Users\\{1,2})([^\s/\\:;,\"'`<>()|]{1,64})"),
    ),
    # ~eve/bin
    _Line(("~",), re.compile(rf"((?<![\w/~.-])~)({_USER})(?=/)")),
    # uid=1000(eve) gid=1000(eve)
    _Line(("id=",), re.compile(rf"(\b[ug]id=[0-9]{{1,10}}\()({_USER})(?=\))")),
    # USER=eve, LOGNAME=eve
    _Line(
        ("user", "logname"),
        re.compile(rf"((?<![A-Za-z0-9])(?:USER|LOGNAME|USERNAME|SUDO_USER)=[\"']?)({_USER})"),
    ),
    # $ whoami, and its answer in the next line
    _Line(
        ("whoami", "id -un", "logname"),
        re.compile(
            r"([$#%>][ \t]{0,2}(?:whoami|id -un|logname)[ \t\r]{0,4}\n[ \t>|]{0,16})"
            rf"({_USER})(?={_LINE_END})"
        ),
    ),
)

# Not netperf's own keys: DEST_ADDR, UUID=.
_WORD = re.compile(
    r"(?<![\w-])(?![A-Z0-9]{1,30}_[A-Z0-9_]{1,60}\b)(?![A-Z0-9]{1,60}=)[A-Za-z0-9][\w-]{1,254}(?![\w-])"
)


def machines_replaced(text: str, name_of: Callable[[str], str]) -> str:
    """The text with `name_of(name)` for each machine that such a line names."""
    return _replaced(text, _LINES, name_of)


def users_replaced(text: str, name_of: Callable[[str], str]) -> str:
    """The same for each user."""
    return _replaced(text, _USER_LINES, name_of)


def _replaced(text: str, lines: tuple[_Line, ...], name_of: Callable[[str], str]) -> str:
    small = text.lower()
    for clues, pattern in lines:
        for clue in clues:
            if clue in small:
                text = pattern.sub(lambda found: found[1] + name_of(found[2]), text)
                break
    return text


def words_replaced(text: str, tokens: dict[str, str]) -> str:
    """The text with the token of each whole word that has one; time is linear in the text."""
    if not tokens:
        return text
    return _WORD.sub(lambda found: tokens.get(found[0].lower(), found[0]), text)
