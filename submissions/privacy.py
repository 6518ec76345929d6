"""Takes out of free text what points at a person or a machine: addresses, names, hardware ids.

Text in, the same text with tokens out (`host-1`, `address-2`); no I/O, no Django, linear in the
length, since every pattern is bounded. Called on a report's free text before it is parsed or kept.
Loopback and unspecified addresses, localhost and root stay, and so does what only looks like an
address or a host: versions, file names, sysctls.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from submissions import addresses, host_lines
from submissions.addresses import is_kept, parse_address
from submissions.plain_words import SHORTEST_NAME, is_everyday, points_at_someone

SCRUBBER_VERSION = 3

KINDS = ("host", "address", "mac", "mail", "instance", "user")

_PASSES = 8
_TOKEN = re.compile(r"(?:host|address|mac|mail|instance|user)-[0-9]{1,9}")
_VARIABLE = re.compile(r"[$%{<]")
_KEPT_HOST = re.compile(
    r"(?i:localhost|localhost[46]?(?:\.localdomain[46]?)?|ip6-(?:localhost|loopback)|null|none)"
)
_OCTET = re.compile(r"=[0-9A-F]{2}")  # of quoted-printable
_KEY = re.compile(r"[A-Z][A-Z0-9_]{2,40}=")  # netperf's own, which a lost line end put there
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

# In a map, the key calls its value a version.
_VERSION_KEY = re.compile(r"(?i)version|release|revision|firmware|driver|kernel|bios")
_VERSION = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}){1,4}")

# Ids of instances and of what belongs to them, and ids that hardware and installations have.
_INSTANCE = re.compile(
    r"(?<![\w-])(?:(?:i|eni|vol|vpc|subnet|sg)-[0-9a-f]{8,17}"
    r"|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})(?![\w-])"
)
_SERIAL = re.compile(
    r"(?i)((?:serial[ _]number|product_serial|board_serial|chassis_serial|(?:machine|boot)[ _-]id)"
    r"[\"']?[ \t]{0,8}[:=][ \t]{0,8}[\"']?)((?=[\w-]{0,60}[0-9])[\w-]{4,64})"
)
_SERIAL_CLUES = ("serial", "machine", "boot")
_ADDRESS_HOST = re.compile(
    r"(?<![\w-])(?:ip|ec2|static|host|dhcp|dyn|pool|cpe|dsl|cable|client|server|node|vm)"
    r"-[0-9]{1,3}-[0-9]{1,3}-[0-9]{1,3}-[0-9]{1,3}(?:\.[A-Za-z0-9-]{1,63}){0,8}(?![\w-])"
)
# The letter of an escaped line end, as JSON writes one, belongs to no name.
_USER_AT = re.compile(
    r"(?:(?<=\\[nrt])|(?<![\w.+@\\-])|(?<=\\)(?![nrt]))"
    r"([A-Za-z0-9_][\w.+-]{0,63})@([A-Za-z][A-Za-z0-9-]{0,62}(?:\.[A-Za-z0-9-]{1,63}){0,8}|[0-9]{1,3}(?:\.[0-9]{1,3}){3})"
    r"(?![\w@-])"
)

# A name is a host's when it ends like one. Most endings of two letters are those of files and words
# too: they need two labels before them.
_FQDN = re.compile(
    r"(?<![\w.@-])(?<!(?<!/)/)"
    r"(?:(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.){1,8}"
    r"(?:com|net|org|edu|gov|mil|info|biz|arpa|local|internal|localdomain|lan|intranet|corp|home"
    r"|cluster|example|invalid|test|cloud|dev|io|eu|de|fr|uk|nl|ch|se|dk|fi|pl|cz|es|pt|br|jp|cn|ru)"
    r"|(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.){2,8}[A-Za-z]{2})"
    r"(?![\w-])(?!\.[A-Za-z0-9])",
    re.IGNORECASE,
)
_DOTTED = re.compile(r"\.[A-Za-z]")  # a quick look before a slow one
_FILE_ENDINGS = ("py", "sh", "md", "rs", "pl", "so", "in", "ko", "gz", "xz", "js", "rb", "cc", "go")

# netperf's own lines name the far end by whatever name was given.
_BANNER = re.compile(r"\bTEST (?:from|to)\b")
_BANNER_START = re.compile(r"(?:MIGRATED|OMNI|TCP|UDP)\Z")
_BANNER_LENGTH = 400
_BANNER_END = re.compile(r"\n[ \t]{0,80}\n|Socket|Local /Remote|THROUGHPUT|Throughput|\bTEST\b")
_BANNER_HOST = re.compile(
    r"(\b(?:from|to)[\s>|*#\\-]{1,40})([^\s()\b]{1,255})([\s>|*#\\-]{0,40}\()([^\s()\b]{0,64})(\))"
)
_OLD_BANNER_HOST = re.compile(r"(TEST to )([^\s()\\\b]{1,255})")
_ERROR_HOST = re.compile(
    r"(listening on |could not resolve host '|could not resolve (?!host ))"
    r"([^\s']{1,255})(?=' port| at port| as a host)"
)
# DEST_ADDR=zeus; a lost line end may have put the next key there
_ADDRESS_KEY = re.compile(
    r"((?:DEST|SOURCE)_ADDR=(?:3D)?[\"']?)(?![A-Z][A-Z0-9_]{2,40}=)"
    r"([^\s,;=|\"'\\()<>]{1,255}?)(?=[A-Z][A-Z0-9_]{2,40}=|[\s,;=|\"'\\()<>]|\Z)"
)
_CONNECTION = re.compile(
    r"(connection from )(\S{1,255})( port [0-9]{1,5} address family \S{1,20} to )(\S{1,255})"
)
# -H zeus, -Hzeus, -4H zeus, -H 'zeus', -H \\"zeus\\" as JSON writes it, --host=zeus
_OPTION_HOST = re.compile(
    r"((?<![^\s>|])(?:-[HL][ \t]{0,8}|-[46CDNVcdfhjr]{1,8}[HL][ \t]{1,8}|--host(?:=|[ \t]{1,8}))"
    r"(?:\\?[\"'])?)([^\s,;|&`'\"\\()<>]{1,255}(?<![.!?]))"
)
_OPTIONS = re.compile(r"[ \t>|]{0,16}-[A-Za-z0-9-]")  # where a line begins that goes on
_RUNNERS = ("netperf", "netserver", "flent")


# Settings of a report are the same everywhere, and so are its outputs but for their figures: what a
# scrubber that knows no names leaves as it is, every such one does. No pattern here tells one
# figure that stands alone from another of as many digits, but for 0 and 127, which make an address
# one that is kept: so each digit of it is taken for a 2.
_FIGURE = re.compile(r"[0-9](?<![^\s=,].)[0-9]{0,39}(?:\.[0-9]{1,40})?(?![^\s,])")
_TWOS = str.maketrans("0123456789", "2" * 10)
_REMEMBERED_LENGTH = 4_096


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
        self._names: dict[str, str] = {}  # names that lines gave, to be found anywhere
        self._plain: dict[str, bool] = {}

    def counts(self) -> dict[str, int]:
        return {kind: len(known) for kind, known in self._tokens.items() if known}

    def learn(self, text: str) -> None:
        """Remember the machines that a text names, for texts that come before it."""
        if self._is_plain(text):
            return
        for step in self._naming_steps():
            text = step(text)

    def scrub_entry(self, key: str, value: str) -> tuple[str, str]:
        """A key of a free map and its value, which the key may call a version."""
        is_version = _VERSION_KEY.search(key) and _VERSION.fullmatch(value)
        self.learn(f"{key}={value}")
        return self.scrub(key), value if is_version else self.scrub(value)

    def scrub(self, text: str) -> str:
        """The text with tokens. One may lay bare what stood beside it: until nothing changes."""
        if self._is_plain(text) and host_lines.words_replaced(text, self._names) == text:
            return text
        return self._scrubbed(text)

    def _is_plain(self, text: str) -> bool:
        """Whether a text stays as it is where no name is known, and gives none; False for long
        ones.
        """
        if len(text) > _REMEMBERED_LENGTH:
            return False
        if text not in self._plain:
            form = _FIGURE.sub(lambda figure: figure[0].translate(_TWOS), text)
            self._plain[text] = _is_form_plain(form)
        return self._plain[text]

    def _scrubbed(self, text: str) -> str:
        for _ in range(_PASSES):
            before = text
            for step in self._steps():
                text = step(text)
            if text == before:
                break
        return text

    @property
    def knows_names(self) -> bool:
        return bool(self._names)

    def _naming_steps(self) -> list[Callable[[str], str]]:
        """Lines that name a machine or the far end. An address that is broken over two lines would
        be half a name in them.
        """
        return [
            lambda text: addresses.broken_replaced(text, self._address, self._mac),
            lambda text: host_lines.machines_replaced(text, self._machine),
            lambda text: host_lines.users_replaced(text, self._user),
            self._banners,
            self._commands,
            lambda text: _ERROR_HOST.sub(lambda m: m[1] + self._far_end(m[2]), text),
            lambda text: _CONNECTION.sub(
                lambda m: m[1] + self._far_end(m[2]) + m[3] + self._far_end(m[4]), text
            ),
            lambda text: _ADDRESS_KEY.sub(lambda m: m[1] + self._far_end(m[2]), text),
        ]

    def _steps(self) -> list[Callable[[str], str]]:
        """What names a machine first, then names that hold addresses, then addresses, then words
        that are names now known.
        """
        return [
            *self._naming_steps(),
            lambda text: _USER_AT.sub(self._user_at, text) if "@" in text else text,
            self._ids,
            self._serials,
            lambda text: addresses.macs_replaced(text, self._mac),
            lambda text: addresses.ipv6_replaced(text, self._address),
            lambda text: addresses.ipv4_replaced(text, self._address),
            lambda text: _FQDN.sub(self._fqdn, text) if _DOTTED.search(text) else text,
            lambda text: host_lines.words_replaced(text, self._names),
        ]

    def _token(self, kind: str, name: str) -> str:
        """The token of a name, and a banner's first word where a lost line end glued it on."""
        name, rest = _without_banner(name)
        if not name or _TOKEN.fullmatch(name):
            return name + rest
        known = self._tokens[kind]
        return known.setdefault(name.lower(), f"{kind}-{len(known) + 1}") + rest

    def _machine(self, name: str) -> str:
        """The token of a name that a line gives."""
        is_kept_host = _TOKEN.fullmatch(name) or _KEPT_HOST.fullmatch(name)
        if is_kept_host or parse_address(name) or not points_at_someone(name):
            return name
        return self._named(name)

    def _named(self, name: str) -> str:
        """The token of a host's name; its first label alone stands for it as well."""
        name, rest = _without_banner(name)
        known = self._names.get(name.lower(), "")
        token = known if known.startswith("host-") else self._token("host", name)
        self._learn(name, token)
        self._learn(name.split(".")[0], token)
        return token + rest

    def _learn(self, name: str, token: str) -> None:
        """Look for the name anywhere from now on, where it is not a word that every text has."""
        is_word = len(name) < SHORTEST_NAME or not points_at_someone(name)
        if not is_word and not _TOKEN.fullmatch(name):
            self._names.setdefault(name.lower(), token)

    def _address(self, name: str) -> str:
        return self._token("address", name)

    def _mac(self, digits: str) -> str:
        token = self._token("mac", digits)
        self._learn(digits.replace(":", ""), token)
        return token

    def _serials(self, text: str) -> str:
        small = text.lower()
        if not any(clue in small for clue in _SERIAL_CLUES):
            return text
        return _SERIAL.sub(lambda m: m[1] + self._serial(m[2]), text)

    def _serial(self, name: str) -> str:
        if _TOKEN.fullmatch(name):
            return name
        token = self._token("instance", name)
        self._learn(name, token)
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
        octets = "".join(_OCTET.findall(printed))
        if octets:
            return self._banner_address(_OCTET.sub("", printed)) + octets
        is_cut = parse_address(printed) is None and printed[0].isdigit()
        return self._token("address", printed) if is_cut else self._far_end(printed)

    def _commands(self, text: str) -> str:
        """The far end in the options of a command. It goes on behind a backslash or a mail's soft
        line break, and in a line that begins with an option.
        """
        lines = []
        is_command = goes_on = False
        for line in text.split("\n"):
            is_next = is_command and (goes_on or _OPTIONS.match(line) is not None)
            is_command = is_next or any(runner in line for runner in _RUNNERS)
            goes_on = is_command and line.rstrip().endswith(("\\", "="))
            if is_command:
                line = _OPTION_HOST.sub(lambda m: m[1] + self._far_end(m[2]), line)
            lines.append(line)
        return "\n".join(lines)

    def _far_end(self, name: str) -> str:
        """A host or an address where netperf stands one, whatever it looks like."""
        if _TOKEN.fullmatch(name) or _KEPT_HOST.fullmatch(name) or _VARIABLE.search(name):
            return name
        octets = "".join(_OCTET.findall(name))
        if octets:  # the parser knows a mail's encoding by them
            rest = _OCTET.sub("", name)
            return (self._far_end(rest) if rest else "") + octets
        if _KEY.fullmatch(name):
            return name
        address = parse_address(name.strip("[]").split("%")[0])
        if address is not None:
            return name if is_kept(address) else self._token("address", address.compressed)
        is_word = is_everyday(name.split(".")[0])
        return self._token("host", name) if is_word else self._named(name)

    def _user(self, name: str) -> str:
        if name in _KEPT_USERS or _TOKEN.fullmatch(name) or _VARIABLE.search(name):
            return name
        token = self._token("user", name)
        self._learn(name, token)
        return token

    def _ids(self, text: str) -> str:
        if "-" not in text:
            return text
        text = _ADDRESS_HOST.sub(lambda m: self._token("host", m[0]), text)
        return _INSTANCE.sub(self._instance, text)

    def _instance(self, found: re.Match[str]) -> str:
        """The token; as wide as the id in aligned columns, which are told by their places."""
        token = self._token("instance", found[0])
        is_cell = found.string.startswith("  ", found.end())
        return token.ljust(len(found[0])) if is_cell else token

    def _user_at(self, found: re.Match[str]) -> str:
        user, host = found[1], found[2]
        address = parse_address(host) if host[0].isdigit() else None
        if address:
            kept = host if is_kept(address) else self._address(address.compressed)
            return f"{self._user(user)}@{kept}"
        if "." in host and not _KEPT_HOST.fullmatch(host):
            return self._token("mail", found[0])
        is_named = _TOKEN.fullmatch(host) or _KEPT_HOST.fullmatch(host)
        return f"{self._user(user)}@{host if is_named else self._token('host', host)}"

    def _fqdn(self, found: re.Match[str]) -> str:
        name = found[0].lower()
        ending = name.rsplit(".", 1)[-1]
        if name in _KEPT_SITES or _KEPT_HOST.fullmatch(name) or ending in _FILE_ENDINGS:
            return found[0]
        return self._token("host", name)


def _without_banner(name: str) -> tuple[str, str]:
    found = _BANNER_START.search(name)
    return (name[: found.start()], found[0]) if found else (name, "")


@lru_cache(maxsize=4_096)
def _is_form_plain(form: str) -> bool:
    if addresses.may_be_broken(form):  # a figure may be the rest of an address
        return False
    scrubber = Scrubber()
    return scrubber._scrubbed(form) == form and not scrubber.knows_names
