"""Kernel releases: upstream version, series, distribution and flavour, and the order on a chart's
axis.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from registry.vocabulary.data import load

_DATA = load("kernels")
_OTHER_SYSTEMS: dict[str, str] = _DATA["other_systems"]
_NAMES: dict[str, str] = _DATA["names"]
_UPSTREAM = re.compile(r"(\d{1,4})\.(\d{1,5})(?:\.(\d{1,5}))?(?:\.(\d{1,5}))?", re.ASCII)
_CANDIDATE = re.compile(r"(?<![a-zA-Z])rc(\d{1,3})")
_REALTIME = re.compile(r"[-.+]rt\d{0,3}(?:[-.+]|$)|-realtime$")
_PIECE = re.compile(r"[0-9]{1,18}|[^0-9]+")
_FINAL = 10**6  # after every release candidate
Pieces = tuple[tuple[int, int, str], ...]


def _compiled(name: str) -> list[tuple[str, re.Pattern[str]]]:
    return [(row["id"], re.compile(row["pattern"], re.ASCII)) for row in _DATA[name]]


_DISTRIBUTIONS = _compiled("distributions")
_FLAVOURS = _compiled("flavours")


@dataclass(frozen=True)
class Kernel:
    """A release of Linux. `upstream` is empty when the text is none; `candidate` is N of -rcN.
    `distribution` and `flavour` are identifiers as the release has them: `el9`, `uek`.
    """

    upstream: tuple[int, ...] = ()
    candidate: int | None = None
    distribution: str | None = None
    flavour: str | None = None
    is_realtime: bool = False

    @property
    def series(self) -> str | None:
        """Until 2.6 the third number made a release, since 3.0 the second does."""
        if not self.upstream:
            return None
        length = 3 if self.upstream[0] < 3 else 2
        return ".".join(str(number) for number in self.upstream[:length])

    def __str__(self) -> str:
        """`Linux 6.10-rc3`, `Linux 5.15.0, Ubuntu, aws`, `Linux 4.18.0, Enterprise Linux 8, rt`;
        empty for what is no release of Linux.
        """
        if not self.upstream:
            return ""
        version = ".".join(str(number) for number in self.upstream)
        version += f"-rc{self.candidate}" if self.candidate else ""
        parts = (f"Linux {version}", distribution_name(self.distribution), self.flavour)
        return ", ".join(part for part in parts if part)


@lru_cache(maxsize=4096)
def read(release: str | None) -> Kernel:
    """What `uname -r` says. Linear in the length of the release."""
    text = release or ""
    found = _UPSTREAM.match(text)
    if not found:
        return Kernel()
    numbers = tuple(int(number) for number in found.groups() if number is not None)
    candidate = _CANDIDATE.search(text)
    return Kernel(
        # The fourth number is the stable one of 2.6; of later kernels it is their builder's.
        upstream=numbers if numbers[0] < 3 else numbers[:3],
        candidate=int(candidate[1]) if candidate else None,
        distribution=_first(_DISTRIBUTIONS, text),
        flavour=_first(_FLAVOURS, text),
        is_realtime=_REALTIME.search(text) is not None,
    )


def _first(rows: list[tuple[str, re.Pattern[str]]], text: str) -> str | None:
    for identifier, pattern in rows:
        found = pattern.search(text)
        if found:
            return identifier.format(*found.groups())
    return None


def distribution_name(identifier: str | None) -> str | None:
    """`el8` → `Enterprise Linux 8`, `suse` → `SUSE`."""
    stem = (identifier or "").rstrip("0123456789")
    return _NAMES.get(stem, stem).format((identifier or "")[len(stem) :]) or None


def series(release: str | None, os: str | None = None) -> str | None:
    """`2.6.38-8-generic` → `2.6.38`, `6.18.5-aws` → `6.18`; of another system than Linux its name
    and version, whatever its releases look like: `FreeBSD 8.2`.
    """
    return _other_system(os) or read(release).series


def _other_system(os: str | None) -> str | None:
    words = (os or "").split()
    name = _OTHER_SYSTEMS.get(words[0].lower()) if words else None
    return f"{name} {words[1].partition('-')[0]}" if name and len(words) >= 2 else None


def order(kernel_series: str | None) -> tuple[int, tuple[int, ...], str]:
    """Sort key of series: Linux by its numbers (6.9 before 6.10), then other systems, unknown
    last.
    """
    if kernel_series is None:
        return (2, (), "")
    parts = kernel_series.split(".")
    if all(part.isascii() and part.isdigit() and len(part) < 8 for part in parts):
        return (0, tuple(int(part) for part in parts), "")
    return (1, (), kernel_series)


def release_order(release: str | None) -> tuple[int, tuple[int, ...], int, Pieces]:
    """Sort key of releases, total: upstream version, candidates before the release itself, then
    what the distribution adds, with its numbers as numbers; unreadable ones after, unknown last.
    """
    if release is None:
        return (2, (), 0, ())
    kernel = read(release)
    candidate = _FINAL if kernel.candidate is None else kernel.candidate
    upstream = (*kernel.upstream, 0, 0, 0)[:4]
    return (0 if kernel.upstream else 1, upstream, candidate, _pieces(release))


def _pieces(text: str) -> Pieces:
    """Text cut at its numbers, each of them a number, so that -9 comes before -10."""
    return tuple(
        (0, int(piece), piece) if "0" <= piece[0] <= "9" else (1, 0, piece)
        for piece in _PIECE.findall(text)
    )
