"""What stands on a chart in letters: rates in three digits, counts with their nouns, and texts of
strangers made fit to be drawn. Pure.
"""

import unicodedata

LABEL_LENGTH = 48


def counted(number: int | None, noun: str) -> str:
    """`1 host`, `2 hosts`; nothing of what is not counted."""
    if number is None:
        return ""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def short(rate: float) -> str:
    """Three significant digits: 6.49k, 23.5k, 104k, 9.92G."""
    for factor, suffix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, "")):
        if rate >= factor * 0.9995:
            scaled = rate / factor
            return f"{scaled:.{max(0, 2 - _digits_before_point(scaled))}f}{suffix}"
    return f"{rate:.3g}"


def _digits_before_point(value: float) -> int:
    """0 for 1 to 9.99, 1 for 10 to 99.9, 2 for 100 and more, after rounding to three digits."""
    return int(f"{value:.2e}".partition("e")[2])


def two_decimals(ratio: float) -> str:
    """Of a ratio; three digits of one that two decimals do not tell."""
    return f"{ratio:.2f}" if 0.1 <= ratio < 1000 else short(ratio)


def clean(text: str, length: int = LABEL_LENGTH) -> str:
    """Text that can stand in a picture: one line, no control or bidi characters, few marks,
    bounded length.
    """
    kept: list[str] = []
    marks = 0
    for character in unicodedata.normalize("NFC", text[: 20 * length]):
        kind = unicodedata.category(character)
        marks = marks + 1 if kind[0] == "M" else 0
        if marks > 2 or kind == "Cf":
            continue
        kept.append(" " if kind[0] in "CZ" else character)
    # Dropped characters may have stood between a letter and its mark, so compose once more.
    line = " ".join(unicodedata.normalize("NFC", "".join(kept)).split())
    return shortened(line, length)


def shortened(line: str, length: int) -> str:
    """At most `length` characters, cut in the middle: a label ends with what tells it from its
    neighbours.
    """
    if len(line) <= length:
        return line
    tail = (length - 1) // 3
    return f"{line[: length - 1 - tail].rstrip()}\u2026{line[len(line) - tail :].lstrip()}"
