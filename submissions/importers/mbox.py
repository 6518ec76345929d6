"""Mail archives: each post that holds results of netperf is one report, named by its Message-ID.

Splits mboxo, mboxrd and the archives of mailing lists, whose separators have mangled addresses, and
takes a single message too. What a post quotes of an earlier one is left out, so that no figure
enters twice. No Django.
"""

import codecs
import html
import re
from collections.abc import Callable, Iterable, Iterator
from email import message_from_bytes
from email.message import Message
from typing import BinaryIO

from crr_submit import netperf
from registry.refusal import Refused
from submissions.importers.item import Found, Item, Note, refusal
from submissions.importers.sources import lines

MESSAGE_LIMIT_BYTES = 1024 * 1024
LINE_LIMIT_BYTES = 64 * 1024
# Mail programs nest three or four; the parser's work grows with the depth.
PARTS_LIMIT = 20
REFERENCES_LIMIT = 50

# From user@host Thu Dec  8 12:55:04 2016, with any spelling of the user: "user at host".
SEPARATOR = re.compile(
    rb"From [^\n]{0,300}?\d{1,2}:\d{2}(?::\d{2})?[^\n]{0,40}?\b(?:19|20)\d{2}\b[^\n]{0,60}\n"
)
_ESCAPED = re.compile(rb">{1,50}From ")
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,250}>")
_QUOTED = re.compile(r"[ \t]{0,8}(?:[A-Za-z]{0,4}>|\|)")
_TAG = re.compile(r"<[^<>]{1,2000}>")
_BREAK = re.compile(r"<(?:br|p|/p|/div|/tr|/pre)\b[^<>]{0,200}>", re.IGNORECASE)
# Codecs that are no character sets, or take more than linear time.
_NO_CHARSETS = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined"})
_LEFT_OUT = "> [results of an earlier post, left out]"

Figure = tuple[str, float, str, float | None, int | None, int | None]


def no_figures(references: Iterable[str]) -> set[Figure]:
    return set()


class Posts:
    """The importer of one run over any number of archives; remembers the figures it has seen.

    `figures_of` gives those of posts that an earlier import stored, by Message-ID.
    """

    def __init__(self, figures_of: Callable[[Iterable[str]], set[Figure]] = no_figures) -> None:
        self._figures_of = figures_of
        self._seen: set[Figure] = set()

    def items(self, stream: BinaryIO, place: str) -> Iterator[Found]:
        n_without = 0
        for number, body in enumerate(messages(stream), 1):
            where = f"{place}, post {number}"
            try:
                found = self._post(where, body)
            except Refused as refused:
                found = refusal(where, refused)
            if found:
                yield found
            else:
                n_without += 1
        if n_without:
            message = f"{n_without} posts hold no result of netperf."
            yield Note(place, "skipped", "no_results", message, count=n_without)

    def _post(self, where: str, body: bytes | None) -> Found | None:
        if body is None:
            message = f"The post is larger than {MESSAGE_LIMIT_BYTES:,} bytes."
            raise Refused(413, "too_large", message)
        post = _parsed(body)
        text = text_of(post)
        parsed = netperf.parse(text)
        if not (parsed.results or parsed.unrecognised):
            return None
        text, n_left_out = self._without_quotes(text, post)
        results = netperf.parse(text).results if n_left_out else parsed.results
        if n_left_out and not results:
            message = f"Its {n_left_out} results are quotes of earlier posts."
            return Note(where, "skipped", "quotes_only", message)
        self._seen |= {figure_of(result) for result in results}
        return Item(
            place=where,
            format="mbox",
            body=text.encode("utf-8", "replace"),
            machine=str(post["From"] or "").strip().lower()[:500],
            source_ref=next(iter(_ids(post, "Message-ID")), None),
        )

    def _without_quotes(self, text: str, post: Message) -> tuple[str, int]:
        """The text without quoted results of earlier posts, and how many those were."""
        rows = text.split("\n")
        results = netperf.parse(text).results
        quoted = [result for result in results if _QUOTED.match(rows[result.line - 1])]
        if {figure_of(result) for result in quoted} - self._seen:
            ids = [*_ids(post, "In-Reply-To"), *_ids(post, "References")]
            self._seen |= self._figures_of(ids[-REFERENCES_LIMIT:])
        known = [result for result in quoted if figure_of(result) in self._seen]
        for result in reversed(known):
            start, end = _quote_around(rows, result, results)
            rows[start:end] = [_LEFT_OUT]
        return "\n".join(rows), len(known)


def figure_of(result: netperf.Result) -> Figure:
    """What makes two results the same figure: wrapping and quoting leave it alone."""
    return (
        result.test,
        result.value,
        result.unit,
        result.elapsed_time_s,
        result.request_size_bytes,
        result.response_size_bytes,
    )


def _quote_around(
    rows: list[str], result: netperf.Result, results: Iterable[netperf.Result]
) -> tuple[int, int]:
    """The quoted lines of one result: from the result before it to its own, and to the end of the
    quote after the last one.
    """
    others = [other.line for other in results if other.line != result.line]
    above = max((line for line in others if line < result.line), default=0)
    below = min((line for line in others if line > result.line), default=len(rows) + 1)
    start = end = result.line - 1
    while start > above and _QUOTED.match(rows[start - 1]):
        start -= 1
    while end < len(rows) and _QUOTED.match(rows[end]):
        end += 1
    return start, end if end < below else result.line


def messages(stream: BinaryIO) -> Iterator[bytes | None]:
    """The messages of an archive; None for one that is too large to be kept."""
    kept: list[bytes] = []
    size = 0
    for _, line in lines(stream, LINE_LIMIT_BYTES):
        if line is not None and SEPARATOR.match(line):
            if size:
                yield b"".join(kept) if size <= MESSAGE_LIMIT_BYTES else None
            kept, size = [], 0
            continue
        # A line that is too long is no line of a mail: the message counts as too large.
        size += MESSAGE_LIMIT_BYTES + 1 if line is None else len(line)
        if line is not None and size <= MESSAGE_LIMIT_BYTES:
            kept.append(line[1:] if _ESCAPED.match(line) else line)
    if size:
        yield b"".join(kept) if size <= MESSAGE_LIMIT_BYTES else None


def _parsed(body: bytes) -> Message:
    if body.lower().count(b"content-type:") > PARTS_LIMIT:
        raise Refused(422, "too_deep", f"The post has more than {PARTS_LIMIT} parts.")
    return message_from_bytes(body)


def text_of(post: Message) -> str:
    """Its plain texts, attached ones too; of a message without any, its HTML as text."""
    leaves = [part for part in post.walk() if not part.is_multipart()]
    plain = [
        _decoded(part)
        for part in leaves
        if part.get_content_maintype() == "text" and part.get_content_subtype() != "html"
    ]
    if any(text.strip() for text in plain):
        return "\n".join(plain)
    return "\n".join(
        html.unescape(_TAG.sub("", _BREAK.sub("\n", _decoded(part))))
        for part in leaves
        if part.get_content_type() == "text/html"
    )


def _decoded(part: Message) -> str:
    """The text of a part; what its character set does not have becomes U+FFFD."""
    payload = part.get_payload(decode=True)
    body = payload if isinstance(payload, bytes) else b""
    text = body.decode(_charset(part), "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _charset(part: Message) -> str:
    """The part's character set; latin-1 for one that nobody knows, which has every byte."""
    try:
        name = codecs.lookup(part.get_content_charset("utf-8")).name
        b"ab".decode(name, "replace")  # a codec from bytes to bytes shows itself only now
    except (LookupError, ValueError):
        return "latin-1"
    return "latin-1" if name.replace("_", "-") in _NO_CHARSETS else name


def _ids(post: Message, header: str) -> list[str]:
    return _MESSAGE_ID.findall(str(post[header] or "")[:20_000])
