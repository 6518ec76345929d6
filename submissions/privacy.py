"""Takes out of free text what points at a person or a machine: addresses, names, hardware ids.

Text in, the same text with tokens out (`host-1`, `address-2`); no I/O, no Django, linear in the
length, since every pattern is bounded. Called on a report's free text before it is parsed or kept.
Loopback and unspecified addresses, localhost and root stay, and so does what only looks like an
address or a host: versions, file names, sysctls.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass

from submissions import host_lines

SCRUBBER_VERSION = 1

KINDS = ("host", "address", "mac", "mail", "instance", "user")

_PASSES = 8
_TOKEN = re.compile(r"(?:host|address|mac|mail|instance|user)-[0-9]{1,9}")
_VARIABLE = re.compile(r"[$%{<]")
_KEPT_HOST = re.compile(
    r"(?i:localhost|localhost\.localdomain|localhost[46]|ip6-localhost|localhost6\.localdomain6|null|none)"
)
_KEPT_START = re.compile(r"(?:127|0)\.[0-9.]{0,12}")
_KEPT_USERS = ("root",)
# Pages that texts refer to: nobody's machine.
_KEPT_SITES = frozenset(
    (
        "github.com",
        "gist.github.com",
        "hewlettpackard.github.io",
        "kernel.org",
        "linux.die.net",
        "netperf.org",
        "www.apache.org",
        "www.kernel.org",
        "www.netperf.org",
    )
)

_MAC = re.compile(
    r"(?<![0-9A-Za-z:-])[0-9A-Fa-f]{2}(?:(?::[0-9A-Fa-f]{2}){5}|(?:-[0-9A-Fa-f]{2}){5})(?![0-9A-Za-z:-])"
)
_IPV6 = re.compile(r"(?<![0-9A-Za-z:.])(?=[0-9A-Fa-f.]{0,15}:)[0-9A-Fa-f:.]{2,60}(?![0-9A-Za-z])")
_IPV4 = re.compile(
    r"(?<![0-9])(?<![0-9]\.)[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}(?![0-9])(?!\.[0-9])"
)
# What stands before or after four numbers that are a version.
_BEFORE_VERSION = re.compile(
    r"(?i)(?:\b(?:version|release|revision|ver\.?|rev\.?|firmware|driver|netperf|netserver|qemu|xen|esxi?)[\s:=\"'(_/-]{0,3}"
    r"|\bv)$"
)
_BEFORE_KERNEL = re.compile(
    r"(?i)(?:kernel|linux|vmlinuz|-image|-headers)[\s:=\"'(_/-]{0,3}$"
    r"|linux[ \t]{1,4}host-[0-9]{1,9}[ \t]{1,4}$"
)
_AFTER_VERSION = re.compile(
    r"(?i)\s{0,2}kernel\b|[ \t]{1,4}#[ ]?[0-9]{1,6}[ -]"
    r"|-(?:generic|amd64|[0-9]{1,4}[.-][a-z0-9.]{0,20}(?:el|fc|generic))"
)
_KERNELS = range(2, 10)
_CONTEXT_LENGTH = 24
# In a map, the key calls its value a version.
_VERSION_KEY = re.compile(r"(?i)version|release|revision|firmware|driver|kernel|bios")
_VERSION = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}){1,4}")

_INSTANCE = re.compile(r"(?<![\w-])i-[0-9a-f]{8,17}(?![\w-])")
_ADDRESS_HOST = re.compile(
    r"(?<![\w-])(?:ip|ec2)-[0-9]{1,3}-[0-9]{1,3}-[0-9]{1,3}-[0-9]{1,3}(?:\.[A-Za-z0-9-]{1,63}){0,8}(?![\w-])"
)
_USER_AT = re.compile(
    r"(?<![\w.+@-])([A-Za-z0-9_][\w.+-]{0,63})@([A-Za-z][A-Za-z0-9-]{0,62}(?:\.[A-Za-z0-9-]{1,63}){0,8})(?![\w@-])"
)
_HOME = re.compile(r"(/home/|/Users/|\\Users\\)([^\s/\\:;,\"'`<>()|]{1,64})")

# A name is a host's when it ends like one. Endings of two letters are those of files too: they need
# two labels before them.
_FQDN = re.compile(
    r"(?<![\w.@-])(?<!(?<!/)/)"
    r"(?:(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.){1,8}"
    r"(?:com|net|org|edu|gov|mil|info|biz|arpa|local|internal|localdomain|lan|intranet|corp|home|cluster)"
    r"|(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.){2,8}[A-Za-z]{2})"
    r"(?![\w-])(?!\.[A-Za-z0-9])",
    re.IGNORECASE,
)
_FILE_ENDINGS = ("py", "sh", "md", "rs", "pl", "so", "in", "ko", "gz", "xz", "js", "rb", "cc", "go")

# netperf's own lines name the far end by whatever name was given.
_BANNER = re.compile(r"\bTEST (?:from|to)\b")
_BANNER_LENGTH = 400
_BANNER_END = re.compile(r"\n[ \t]{0,80}\n|Socket|Local /Remote|THROUGHPUT|Throughput|\bTEST\b")
_BANNER_HOST = re.compile(
    r"(\b(?:from|to)[\s>|*#\\-]{1,40})([^\s()]{1,255})([\s>|*#\\-]{0,40}\()([^\s()]{0,64})(\))"
)
_OLD_BANNER_HOST = re.compile(r"(TEST to )([^\s()]{1,255})")
_ERROR_HOST = re.compile(
    r"(listening on |could not resolve host '|could not resolve (?!host ))"
    r"([^\s']{1,255})(?=' port| at port| as a host)"
)
_CONNECTION = re.compile(
    r"(connection from )(\S{1,255})( port [0-9]{1,5} address family \S{1,20} to )(\S{1,255})"
)
_OPTION_HOST = re.compile(r"((?<=\s)-[HL] ?)([^\s,;|&`'\"]{1,255})")
_RUNNERS = ("netperf", "netserver", "flent")


@dataclass(frozen=True)
class Scrubbed:
    """The text as it may be kept, and how many different things of each kind were taken out."""

    text: str
    counts: dict[str, int]


def scrub(text: str) -> Scrubbed:
    """Scrub one text on its own."""
    scrubber = Scrubber()
    return Scrubbed(scrubber.scrub(text), scrubber.counts())


class Scrubber:
    """The tokens of one report: the same address in any of its texts gets the same token."""

    def __init__(self) -> None:
        self._tokens: dict[str, dict[str, str]] = {kind: {} for kind in KINDS}
        self._machines: dict[str, str] = {}  # names that lines gave, to be found anywhere

    def counts(self) -> dict[str, int]:
        return {kind: len(known) for kind, known in self._tokens.items() if known}

    def learn(self, text: str) -> None:
        """Remember the machines that a text's lines name, for texts that come before it."""
        host_lines.replaced(text, self._machine)

    def scrub_entry(self, key: str, value: str) -> tuple[str, str]:
        """A key of a free map and its value, which the key may call a version."""
        is_version = _VERSION_KEY.search(key) and _VERSION.fullmatch(value)
        self.learn(f"{key}={value}")
        return self.scrub(key), value if is_version else self.scrub(value)

    def scrub(self, text: str) -> str:
        """The text with tokens. One may lay bare what stood beside it: until nothing changes."""
        for _ in range(_PASSES):
            before = text
            for step in self._steps():
                text = step(text)
            if text == before:
                break
        return text

    def _steps(self) -> list[Callable[[str], str]]:
        """Lines that name a machine or the far end first, then names that hold addresses, then
        addresses, then words that are names now known.
        """
        return [
            lambda text: host_lines.replaced(text, self._machine),
            self._banners,
            self._commands,
            lambda text: _ERROR_HOST.sub(lambda m: m[1] + self._far_end(m[2]), text),
            lambda text: _CONNECTION.sub(
                lambda m: m[1] + self._far_end(m[2]) + m[3] + self._far_end(m[4]), text
            ),
            lambda text: _USER_AT.sub(self._user_at, text),
            lambda text: _HOME.sub(lambda m: m[1] + self._user(m[2]), text),
            lambda text: _ADDRESS_HOST.sub(lambda m: self._token("host", m[0]), text),
            lambda text: _INSTANCE.sub(lambda m: self._token("instance", m[0]), text),
            lambda text: _MAC.sub(self._mac, text),
            lambda text: _IPV6.sub(self._ipv6, text),
            lambda text: _IPV4.sub(self._ipv4, text),
            lambda text: _FQDN.sub(self._fqdn, text),
            lambda text: host_lines.words_replaced(text, self._machines),
        ]

    def _token(self, kind: str, name: str) -> str:
        known = self._tokens[kind]
        return known.setdefault(name.lower(), f"{kind}-{len(known) + 1}")

    def _machine(self, name: str) -> str:
        """The token of a name that a line gives; its first label alone stands for it as well."""
        is_kept = _TOKEN.fullmatch(name) or _KEPT_HOST.fullmatch(name)
        if is_kept or _address(name) or not host_lines.points_at_a_machine(name):
            return name
        token = self._token("host", name)
        for known in (name.lower(), name.lower().split(".")[0]):
            if len(known) >= host_lines.SHORTEST_NAME and host_lines.points_at_a_machine(known):
                self._machines.setdefault(known, token)
        return token

    def _banners(self, text: str) -> str:
        pieces, done = [], 0
        for found in _BANNER.finditer(text):
            if found.start() < done:
                continue
            end = min(found.end() + _BANNER_LENGTH, len(text))
            stop = _BANNER_END.search(text, found.end(), end)
            end = stop.start() if stop else end
            pieces += [text[done : found.start()], self._banner(text[found.start() : end])]
            done = end
        return "".join(pieces) + text[done:]

    def _banner(self, banner: str) -> str:
        banner = _OLD_BANNER_HOST.sub(lambda m: m[1] + self._far_end(m[2]), banner)
        return _BANNER_HOST.sub(
            lambda m: m[1] + self._far_end(m[2]) + m[3] + self._banner_address(m[4]) + m[5], banner
        )

    def _banner_address(self, printed: str) -> str:
        """netperf cuts an address short in its brackets: `127.0.0`, `10.244.`."""
        if not printed or _KEPT_START.fullmatch(printed):
            return printed
        is_cut = _address(printed) is None and printed[0].isdigit()
        return self._token("address", printed) if is_cut else self._far_end(printed)

    def _commands(self, text: str) -> str:
        return "\n".join(
            _OPTION_HOST.sub(lambda m: m[1] + self._far_end(m[2]), line)
            if any(runner in line for runner in _RUNNERS)
            else line
            for line in text.split("\n")
        )

    def _far_end(self, name: str) -> str:
        """A host or an address where netperf stands one, whatever it looks like."""
        if _TOKEN.fullmatch(name) or _KEPT_HOST.fullmatch(name) or _VARIABLE.search(name):
            return name
        address = _address(name.strip("[]").split("%")[0])
        if address is not None:
            return name if _is_kept(address) else self._token("address", address.compressed)
        return self._token("host", name)

    def _user(self, name: str) -> str:
        if name in _KEPT_USERS or _TOKEN.fullmatch(name) or _VARIABLE.search(name):
            return name
        return self._token("user", name)

    def _user_at(self, found: re.Match[str]) -> str:
        user, host = found[1], found[2]
        if "." in host and not _KEPT_HOST.fullmatch(host):
            return self._token("mail", found[0])
        is_named = _TOKEN.fullmatch(host) or _KEPT_HOST.fullmatch(host)
        return f"{self._user(user)}@{host if is_named else self._token('host', host)}"

    def _mac(self, found: re.Match[str]) -> str:
        digits = found[0].lower().replace("-", ":")
        return found[0] if len(set(digits)) == 2 else self._token("mac", digits)

    def _ipv6(self, found: re.Match[str]) -> str:
        name = found[0].rstrip(":.") if not found[0].endswith("::") else found[0]
        address = _address(name) if name.count(":") > 1 else None
        if address is None or _is_kept(address):
            return found[0]
        return self._token("address", address.compressed) + found[0][len(name) :]

    def _ipv4(self, found: re.Match[str]) -> str:
        address = _address(found[0])
        if address is None or _is_kept(address) or _is_version(found):
            return found[0]
        return self._token("address", address.compressed)

    def _fqdn(self, found: re.Match[str]) -> str:
        name = found[0].lower()
        ending = name.rsplit(".", 1)[-1]
        if name in _KEPT_SITES or _KEPT_HOST.fullmatch(name) or ending in _FILE_ENDINGS:
            return found[0]
        return self._token("host", name)


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(_without_zeros(name))
    except ValueError:
        return None


def _without_zeros(name: str) -> str:
    """`010.000.000.001`: Python refuses leading zeros, texts have them."""
    if ":" in name or not name.replace(".", "").isdecimal():
        return name
    return ".".join(part.lstrip("0") or "0" for part in name.split("."))


def _is_kept(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_loopback or address.is_unspecified


def _is_version(found: re.Match[str]) -> bool:
    """Four numbers that a word before or after them calls a version. Kernels begin with 2 to 9."""
    before = found.string[max(0, found.start() - _CONTEXT_LENGTH) : found.start()]
    after = found.string[found.end() : found.end() + _CONTEXT_LENGTH]
    is_kernel = int(found[0].split(".")[0]) in _KERNELS
    if is_kernel and (_BEFORE_KERNEL.search(before) or _AFTER_VERSION.match(after)):
        return True
    return _BEFORE_VERSION.search(before) is not None
