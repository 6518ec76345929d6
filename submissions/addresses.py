"""Addresses of machines in free text: IPv4, IPv6 and MAC, whole or broken over two lines. No
Django.

Text and what to do with an address in, the text out; every pattern is bounded. What only looks like
an address stays: versions, and loopback and unspecified addresses. Called by the scrubber.
"""

import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Name = Callable[[str], str]

_MAC = re.compile(
    r"(?<![0-9A-Za-z:-])[0-9A-Fa-f]{2}(?:(?::[0-9A-Fa-f]{2}){5}|(?:-[0-9A-Fa-f]{2}){5})"
    r"(?![0-9A-Za-z:-])"
)
# Written without colons a MAC is known by what stands before it: enx00163e123456, as systemd names
# a card, and 0016.3e12.3456, as switches print it.
_BARE_MAC = re.compile(
    r"(?<![0-9A-Za-z])(?P<before>enx|wlx"
    r"|(?i:mac|hwaddr|ether)(?:[ _-]?(?i:address))?[\"']?[ \t:=]{1,8}[\"']?)"
    r"(?P<mac>[0-9A-Fa-f]{12})(?![0-9A-Za-z])"
)
_DOTTED_MAC = re.compile(
    r"(?<![\w.])[0-9A-Fa-f]{4}\.(?=[0-9.]{0,9}[A-Fa-f])[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}(?![\w.])"
)
_TWELVE_DIGITS = re.compile(r"[0-9A-Fa-f]{12}")
_DOTTED = re.compile(r"\.[0-9A-Fa-f]{4}\.")  # a quick look before a slow one
_IPV6 = re.compile(r"(?<![0-9A-Za-z:.])(?=[0-9A-Fa-f.]{0,15}:)[0-9A-Fa-f:.]{2,60}(?![0-9A-Za-z])")
# tcpdump and BSD's netstat put a port behind a dot: 203.0.113.7.12865.
_DOTTED_PORT = r"\.[0-9]{1,5}"
_IPV4 = re.compile(
    r"(?<![0-9])(?<![0-9]\.)([0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3})"
    rf"({_DOTTED_PORT})?(?![0-9])(?!\.[0-9])"
)
_PORT_AT_END = re.compile(rf"{_DOTTED_PORT}\Z")
_HIGHEST_PORT = 65_535
# A mailer or a terminal broke the line at a dot or a colon; a quote mark may begin the next one.
_BREAK = r"=?\r?\n[ \t>|]{0,16}"
_ENDS_BROKEN = tuple(end + line_end for end in ".:=" for line_end in ("\n", "\r\n"))
_STARTS_BROKEN = re.compile(r"\n[ \t>|]{0,16}[.:]")
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_BROKEN_IPV4 = re.compile(
    r"(?<![0-9A-Za-z.])(?:"
    + "|".join(
        r"\.".join([_OCTET] * n) + broken + r"\.".join([_OCTET] * (4 - n))
        for n in (1, 2, 3)
        for broken in (rf"\.{_BREAK}", rf"{_BREAK}\.")
    )
    + r")(?![0-9])(?!\.[0-9])"
)
_BROKEN_HEX = re.compile(
    rf"(?<![0-9A-Za-z:.])(?=[0-9A-Fa-f]{{0,4}}:)[0-9A-Fa-f:]{{2,40}}(?:(?<=:){_BREAK}|{_BREAK}(?=:))"
    r"[0-9A-Fa-f:]{1,40}(?![0-9A-Za-z:])"
)
_LINE_BREAK = re.compile(_BREAK)
_BREAKABLE_LENGTH = 40  # nobody breaks a line before it; a table's numbers stand in short lines

# What stands before or after four numbers that are a version. A program's name stands before
# addresses too; netperf's own versions have three numbers.
_BEFORE_VERSION = re.compile(
    r"(?i)(?:\b(?:version|release|revision|ver\.?|rev\.?|firmware)[\s:=\"'(_/-]{0,3}|\bv)$"
)
_AFTER_PROGRAM = re.compile(r"(?i)\b(?:driver|qemu|xen|esxi?)[\s:=\"'(_/-]{0,3}$")
_BEFORE_KERNEL = re.compile(
    r"(?i)(?:kernel|linux|vmlinuz|-image|-headers)[\s:=\"'(_/-]{0,3}$"
    r"|linux[ \t]{1,4}host-[0-9]{1,9}[ \t]{1,4}$"
)
_AFTER_VERSION = re.compile(
    r"(?i)\s{0,2}kernel\b|[ \t]{1,4}#[ ]?[0-9]{1,6}[ -]"
    r"|-(?:generic|amd64|[0-9]{1,4}[.-][a-z0-9.]{0,20}(?:el|fc|generic))"
)
_KERNELS = range(2, 10)
_LOW = range(10)  # what versions begin with; that of some firmware and drivers with two digits
_TWO_DIGITS = range(11, 100)  # 10 begins private addresses
_LATER_LOW = range(100)  # what goes on in the version of a program
_CONTEXT_LENGTH = 24


def macs_replaced(text: str, name_of: Name) -> str:
    """The text with `name_of` each MAC in lower case with colons; ff:ff:ff:ff:ff:ff stays."""
    if text.count(":") > 4 or text.count("-") > 4:
        text = _MAC.sub(lambda m: _mac(m[0], m[0].lower().replace("-", ":"), name_of), text)
    if _TWELVE_DIGITS.search(text):
        text = _BARE_MAC.sub(
            lambda m: _mac(m["mac"], _with_colons(m["mac"]), name_of, m["before"]), text
        )
    if not _DOTTED.search(text):
        return text
    return _DOTTED_MAC.sub(lambda m: _mac(m[0], _with_colons(m[0].replace(".", "")), name_of), text)


def _mac(printed: str, digits: str, name_of: Name, before: str = "") -> str:
    if len(set(digits)) <= 2:
        return before + printed
    kept = "" if before.lower() in ("enx", "wlx") else before
    return kept + name_of(digits)


def _with_colons(digits: str) -> str:
    return ":".join(digits[place : place + 2] for place in range(0, 12, 2)).lower()


def broken_replaced(text: str, name_of: Name, mac_name_of: Name) -> str:
    """The text with addresses that go on in the next line; the break stays, so that line numbers
    do.
    """
    if not may_be_broken(text):
        return text
    text = _BROKEN_IPV4.sub(lambda found: _broken(found, name_of), text)
    return _BROKEN_HEX.sub(lambda found: _broken(found, name_of, mac_name_of), text)


def may_be_broken(text: str) -> bool:
    """Whether a line ends or begins like a part of an address. A quick look before a slow one."""
    return any(end in text for end in _ENDS_BROKEN) or bool(_STARTS_BROKEN.search(text))


def _broken(found: re.Match[str], name_of: Name, mac_name_of: Name | None = None) -> str:
    line_break = _LINE_BREAK.search(found[0])
    assert line_break is not None  # the pattern has one
    column = found.start() - found.string.rfind("\n", max(0, found.start() - 200), found.start())
    joined = found[0].replace(line_break[0], "", 1)
    if mac_name_of and _MAC.fullmatch(joined):
        return mac_name_of(joined.lower()) + line_break[0]
    address = parse_address(joined)
    is_wrapped = line_break[0].startswith("=") or ":" in joined or column > _BREAKABLE_LENGTH
    if address is None or is_kept(address) or not is_wrapped:
        return found[0]
    return name_of(address.compressed) + line_break[0]


def ipv6_replaced(text: str, name_of: Name) -> str:
    if text.count(":") < 2:
        return text
    return _IPV6.sub(lambda found: _ipv6(found[0], name_of), text)


def _ipv6(printed: str, name_of: Name) -> str:
    name = printed.rstrip(":.") if not printed.endswith("::") else printed
    address = parse_address(name) if name.count(":") > 1 else None
    port = _PORT_AT_END.search(name) if address is None and name.count(":") > 1 else None
    if port and _is_port(port[0]):
        name = name[: port.start()]
        address = parse_address(name)
    if address is None or is_kept(address):
        return printed
    return name_of(address.compressed) + printed[len(name) :]


def ipv4_replaced(text: str, name_of: Name) -> str:
    return _IPV4.sub(lambda found: _ipv4(found, name_of), text)


def _ipv4(found: re.Match[str], name_of: Name) -> str:
    printed, port = found[1], found[2] or ""
    address = parse_address(printed) if not port or _is_port(port) else None
    if address is None or is_kept(address) or _is_version(found):
        return found[0]
    return name_of(address.compressed) + port


def _is_port(dotted: str) -> bool:
    return int(dotted[1:]) <= _HIGHEST_PORT


@lru_cache(maxsize=1024)
def parse_address(name: str) -> Address | None:
    try:
        return ipaddress.ip_address(_without_zeros(name))
    except ValueError:
        return None


def _without_zeros(name: str) -> str:
    """`010.000.000.001`: Python refuses leading zeros, texts have them."""
    if ":" in name or not name.replace(".", "").isdecimal():
        return name
    return ".".join(part.lstrip("0") or "0" for part in name.split("."))


def is_kept(address: Address) -> bool:
    """Loopback and unspecified, also as IPv4 inside IPv6, which Python before 3.13 overlooks."""
    inner = getattr(address, "ipv4_mapped", None) or address
    return bool(inner.is_loopback or inner.is_unspecified)


def _is_version(found: re.Match[str]) -> bool:
    """Four numbers that a word before or after them calls a version. Kernels begin with 2 to 9,
    other versions neither with three digits nor with 10; those of programs have low numbers only.
    """
    before = found.string[max(0, found.start() - _CONTEXT_LENGTH) : found.start()]
    after = found.string[found.end() : found.end() + _CONTEXT_LENGTH]
    first, *later = map(int, found[1].split("."))
    if first in _KERNELS and (_BEFORE_KERNEL.search(before) or _AFTER_VERSION.match(after)):
        return True
    if _BEFORE_VERSION.search(before):
        return first in _LOW or first in _TWO_DIGITS
    is_low = first in _LOW and all(number in _LATER_LOW for number in later)
    return is_low and _AFTER_PROGRAM.search(before) is not None
