"""Kernel releases: the series that charts group by, and the order on a chart's axis."""

import re

_UPSTREAM = re.compile(r"(\d{1,4})\.(\d{1,5})(?:\.(\d{1,5}))?")


def series(release: str | None, os: str | None = None) -> str | None:
    """`2.6.38-8-generic` → `2.6.38`, `6.18.5-aws` → `6.18`; without a Linux release the system:
    `FreeBSD 8.2`.

    Until 2.6 the third number made a release, since 3.0 the second does.
    """
    found = _UPSTREAM.match(release or "")
    if found:
        major, minor, patch = found.groups()
        return f"{major}.{minor}.{patch}" if int(major) < 3 and patch else f"{major}.{minor}"
    return _other_system(os)


def _other_system(os: str | None) -> str | None:
    """`FreeBSD 8.2-RELEASE` → `FreeBSD 8.2`, `Windows 7 Ultimate` → `Windows 7`; a distribution of
    Linux is no kernel.
    """
    words = (os or "").split()
    if len(words) >= 2 and words[0].lower() in {
        "freebsd",
        "openbsd",
        "netbsd",
        "windows",
        "illumos",
    }:
        return f"{words[0]} {words[1].partition('-')[0]}"
    return None


def order(kernel_series: str | None) -> tuple[int, tuple[int, ...], str]:
    """Sort key: Linux by its numbers (6.9 before 6.10), then other systems, unknown last."""
    if kernel_series is None:
        return (2, (), "")
    parts = kernel_series.split(".")
    if all(part.isascii() and part.isdigit() for part in parts):
        return (0, tuple(int(part) for part in parts), "")
    return (1, (), kernel_series)
