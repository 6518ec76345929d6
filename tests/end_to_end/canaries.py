"""Made-up private facts, every way in which one may be written down, and where to look in a PNG."""

import base64
import hashlib
import ipaddress
import struct
import zlib
from collections.abc import Iterator
from urllib.parse import quote

HOST = "zanzibar-web77"
USER = "quetzalcoatl"
DOMAIN = "marzipan.example"
MAIL = f"mildred.quux@{DOMAIN}"
IPV4 = "198.51.100.231"
IPV6 = "2001:db8:7a7a::c0de"
MAC = "02:c0:ff:ee:7a:31"
INSTANCE = "i-0c0ffee1234567890"
PATH = f"/home/{USER}/secret"
SENDER = "192.0.2.199"
MACHINE_ID = "7e57ab1e0ddba11c0ffee0ddba5eba11"
CANARIES = (HOST, USER, DOMAIN, MAIL, IPV4, IPV6, MAC, INSTANCE, PATH, SENDER, MACHINE_ID)


def forms(canary: str) -> dict[str, set[bytes]]:
    """Name of an encoding → what a search for it looks for, in small letters."""
    raw = canary.encode()
    plain = {
        "as it is": {raw},
        "without marks": {_without(canary, ":.-@/").encode()},
        "with dashes": {_with_dashes(canary).encode()},
        "reversed": {raw[::-1]},
        "base64": set(_base64(raw)),
        "base32": {base64.b32encode(raw).rstrip(b"=")},
        "percent": {quote(canary, safe="").encode(), "".join(f"%{b:02x}" for b in raw).encode()},
        "hex": {raw.hex().encode()},
        "escaped": {
            "".join(f"\\u{ord(c):04x}" for c in canary).encode(),
            "".join(f"&#{ord(c)};" for c in canary).encode(),
        },
        "utf-16": {canary.encode("utf-16-le"), canary.encode("utf-16-be")},
        "digest": {
            hashlib.new(name, raw).hexdigest().encode() for name in ("md5", "sha1", "sha256")
        },
        "number": set(_numbers(canary)),
    }
    return {name: {form.lower() for form in found} for name, found in plain.items()}


def _without(text: str, marks: str) -> str:
    return "".join(character for character in text if character not in marks)


def _with_dashes(text: str) -> str:
    return text.translate({ord(mark): "-" for mark in ":.@/"})


def _base64(raw: bytes) -> Iterator[bytes]:
    """The part that stays the same wherever in a longer text `raw` begins."""
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + raw)
        start = (before * 8 + 5) // 6
        end = (before + len(raw)) * 8 // 6
        yield coded[start:end]


def _numbers(canary: str) -> Iterator[bytes]:
    """Other writings of an address or a MAC."""
    try:
        address = ipaddress.ip_address(canary)
    except ValueError:
        if canary == MAC:
            digits = canary.replace(":", "")
            yield str(int(digits, 16)).encode()
            yield ".".join(digits[place : place + 4] for place in (0, 4, 8)).encode()
        return
    yield str(int(address)).encode()
    yield f"{int(address):x}".encode()
    yield address.exploded.encode() if address.version == 6 else b"::ffff:" + canary.encode()
    yield address.reverse_pointer.encode()


def hits(where: str, haystack: bytes) -> list[str]:
    """One line for each canary that `haystack` holds in some form."""
    small = haystack.lower()
    return [
        f"{where}: {canary} {name}"
        for canary in CANARIES
        for name, found in forms(canary).items()
        if any(form in small for form in found)
    ]


def png_texts(png: bytes) -> bytes:
    """What a PNG says beside its pixels: text chunks, unpacked, and any other ancillary chunk."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    place, found = 8, b""
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place : place + 8])
        data = png[place + 8 : place + 8 + length]
        if kind not in (b"IDAT", b"PLTE"):
            found += kind + data
        if kind == b"zTXt":
            found += zlib.decompress(data.partition(b"\0")[2][1:])
        place += length + 12
    return found
