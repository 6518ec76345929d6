"""What holds for every text: checked by the fuzzer on what it makes, by tests on what Hypothesis
makes.

Each check raises `Broken` with a sentence; any other exception is a fault as well.
"""

import math
import re
from decimal import Decimal
from typing import Any

from crr_submit import netperf
from crr_submit.fields import RESULT, STREAM_UNIT
from registry.refusal import Refused
from registry.safe_json import NEVER_TEXT
from submissions.intake import Prepared, prepare
from submissions.privacy import scrub
from submissions.read import read
from tests.fuzz.findings import Broken

# A number as a word of its own: not inside a name, a version or a longer number.
_TOKEN = re.compile(r"(?<![\w.+-])[0-9]+(?:\.[0-9]+)?(?![\w+]|\.[0-9])")
_ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]{0,16}[A-Za-z]|[()][0-9AB]|[ -Z\\^-~])")
# Nothing is seen of these, so digits on both sides of one are seen as one number.
_UNSEEN = re.compile("[\u200b\u200c\u200d\u2060\ufeff\x00\x0e\x0f]")
_SOFT_BREAK = re.compile(r"=\r?\n[>| \t]*")
_OCTET = re.compile(r"=([0-9A-F]{2})")
_LITERAL_END = re.compile(r"(?:\\{1,4}[rnt])+(?!et)")
_DECIMAL_BITS = re.compile(r"10\^([0-9]{1,2})bits")
_BYTES = {"Bytes": 8, "KBytes": 8 << 10, "MBytes": 8 << 20, "GBytes": 8 << 30}
_DEFAULT_BITS = 10**6  # what a stream counts in where nothing was chosen
_RATES = ("value", "sent_value")
_NOT_VALUES = ("warnings", "line")
_FIGURES = tuple(field.path for field in RESULT if field.type in ("number", "integer"))


def check_parsing(text: str) -> netperf.ParsedReport:
    """The parser reads any text, and makes no number up."""
    report = netperf.parse(text)
    if report.results:
        tokens = _tokens(text)
        for result in report.results:
            _check_figures(result.as_dict(), tokens, text)
    n_lines = len(re.split("\r\n|\r|\n", text))
    places: list[Any] = [*report.results, *report.warnings, *report.unrecognised]
    for place in places:
        if not 1 <= place.line <= n_lines:
            raise Broken("line", f"line {place.line} of {n_lines}: {place}")
    return report


def check_scrubbing(text: str) -> str:
    """What is scrubbed stays as it is, and no number is read in it that the text did not have.
    Returns the scrubbed text.
    """
    scrubbed = scrub(text).text
    results = netperf.parse(scrubbed).results
    tokens = _tokens(text) if results else frozenset()
    for result in results:
        _check_figures(result.as_dict(), tokens, text)
    again = scrub(scrubbed).text
    if again != scrubbed:
        raise Broken("scrub-twice", f"{_first_difference(scrubbed, again)}")
    return scrubbed


def check_scrubbing_of_netperf(text: str) -> None:
    """Scrubbing takes no value away either: of text as netperf, mail and terminals print it. Where
    a host's name stands, bytes of chance may hold what the parser knows netperf by.
    """
    scrubbed = check_scrubbing(text)
    before, after = values_of(netperf.parse(text)), values_of(netperf.parse(scrubbed))
    if before != after:
        raise Broken(*_value_difference(before, after))


def check_intake(body: bytes, media_type: str) -> Prepared | None:
    """Intake takes a body or refuses it; what it would store reads the same again."""
    try:
        prepared = prepare(body, media_type)
    except Refused as refused:
        _check_refusal(refused)
        return None
    # Intake keeps a body that it fails to read, for later: here that is a fault, so it comes again.
    body = prepared.body or b""
    content = prepared.content or read(body, prepared.format, imported=False)
    for run in content.runs:
        if not (math.isfinite(run.value) and run.value >= 0):
            raise Broken("finite", f"a run's value is {run.value}")
    again = read(body, prepared.format, imported=False)
    if (again.runs, again.results) != (content.runs, content.results):
        raise Broken("re-read", "the stored bytes give other facts than what was received")
    return prepared


def values_of(report: netperf.ParsedReport) -> list[dict[str, Any]]:
    """The results without what is said about them."""
    return [
        {name: value for name, value in result.as_dict().items() if name not in _NOT_VALUES}
        for result in report.results
    ]


def _check_refusal(refused: Refused) -> None:
    if refused.status not in (400, 415, 422):
        raise Broken("refusal", f"{refused.status} {refused.code}")
    for text in (refused.message, *(str(part) for one in refused.details for part in one.values())):
        if NEVER_TEXT.search(text):
            raise Broken("refusal", f"{text!r} is no text")


def _as_seen(text: str) -> frozenset[str]:
    """The text as it stands, without a terminal's escapes and what is not seen, without soft line
    breaks, which may stand inside a number, with a mail's octets decoded, and with the line ends
    that a string literal writes.
    """
    text = _LITERAL_END.sub("\n", text)
    plain = _typed(_UNSEEN.sub("", _ESCAPE.sub("", text)))
    joined = _SOFT_BREAK.sub("", plain)
    decoded = _OCTET.sub(lambda octet: chr(int(octet[1], 16)), joined)
    return frozenset(
        (text, plain, _SOFT_BREAK.sub("", text), joined, decoded, _UNSEEN.sub("", decoded))
    )


def _typed(text: str) -> str:
    """The text after its backspaces."""
    kept: list[str] = []
    for letter in text:
        if letter != "\b":
            kept.append(letter)
        elif kept and kept[-1] != "\n":
            kept.pop()
    return "".join(kept)


def _tokens(text: str) -> frozenset[Decimal]:
    """The numbers in the text."""
    return frozenset(Decimal(word) for seen in _as_seen(text) for word in _TOKEN.findall(seen))


def _check_figures(result: dict[str, Any], tokens: frozenset[Decimal], text: str) -> None:
    for name in _FIGURES:
        figure = result[name]
        if figure is None:
            continue
        if not math.isfinite(figure) or figure < 0:
            raise Broken("finite", f"{name} is {figure}")
        is_stream = name in _RATES and result["unit"] == STREAM_UNIT
        factors = _factors(text) if is_stream else {1}
        if not any(_is_printed(figure, factor, tokens) for factor in factors):
            raise Broken("number", f"{name} is {figure}, which no number in the text gives")


def _factors(text: str) -> set[int]:
    """How many bits the units are that the text names."""
    variants = _as_seen(text)
    named = {factor for name, factor in _BYTES.items() if any(name in seen for seen in variants)}
    powers = {10 ** int(power) for seen in variants for power in _DECIMAL_BITS.findall(seen)}
    return {1, _DEFAULT_BITS} | named | powers


def _is_printed(figure: float, factor: int, tokens: frozenset[Decimal]) -> bool:
    """Whether a number of the text is the figure: nearest to it as a float, so looked up by value
    first and only then by trying each.
    """
    if factor == 1 and isinstance(figure, int):
        return Decimal(figure) in tokens
    return any(float(token * factor) == figure for token in tokens)


def _value_difference(before: list[Any], after: list[Any]) -> tuple[str, str]:
    """The rule that is broken, and how."""
    if len(before) != len(after):
        return "scrub-results", f"{len(before)} results became {len(after)}"
    name, one, other = next(
        (name, old[name], new[name])
        for old, new in zip(before, after, strict=True)
        for name in old
        if old[name] != new[name]
    )
    return f"scrub-{name}", f"{name} {one!r} became {other!r}"


def _first_difference(one: str, other: str) -> str:
    pairs = enumerate(zip(one, other, strict=False))
    place = next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))
    around = slice(max(0, place - 40), place + 40)
    return f"{one[around]!r} became {other[around]!r}"
