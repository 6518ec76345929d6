"""Takes netperf's lines out of what carries them: terminals, mail, logs, HTML, string literals.

A text in, its lines out, each with the number of the line it stood in. Every step looks at each
line once, and only where the text shows its marks.
"""

import html
import re
from typing import Dict, Iterable, Iterator, List, Optional, Tuple

from crr_submit.netperf.tables import TITLE

Numbered = Tuple[int, str]

_ESCAPE = "\x1b"
_CONTROL = re.compile(
    r"\x1b(?:\[[0-?]{0,32}[ -/]{0,4}[@-~]|\][^\x07\x1b]{0,256}(?:\x07|\x1b\\)?|[()][0-9A-B]|[ -~])"
)
# A colour whose escape a log dropped.
_BARE_COLOUR = re.compile(r"\[[0-9]{1,3}(?:;[0-9]{1,3}){0,4}m|\[[0-2]?K")
_INVISIBLE: Dict[int, Optional[str]] = {
    **dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\x00\x0e\x0f"), None),
    **dict.fromkeys(map(ord, "\xa0\u2007\u2009\u202f\u3000"), " "),
    # What a text processor made of dashes, quotation marks, bars, brackets and exponents.
    **dict.fromkeys(map(ord, "\u2010\u2011\u2013\u2014\u2212"), "-"),
    **dict.fromkeys(map(ord, "\u201c\u201d\u2018\u2019"), '"'),
    **dict.fromkeys(map(ord, "\u2502\u2503\u2551"), "|"),
    **dict.fromkeys(map(ord, "\uff08\u3010"), " ("),
    **dict.fromkeys(map(ord, "\uff09\u3011"), ")"),
    0xB3: "^3",
    0x2076: "^6",
    0x2079: "^9",
}

_SOFT_BREAK_AFTER = 70  # mail programs break a line of 72 to 76
_OCTET = re.compile(r"=(?:C2=A0|([0-9A-F]{2}))")
_KEY_OF_20 = re.compile(r"[A-Z][A-Z0-9_]{2,40}=20")
_KEY_START = re.compile(r"[\s>]{0,80}[A-Z][A-Z0-9_]{2,40}=(?!3D|C2=A0)")

_ENDS_LINE = re.compile(
    r"(?i)<br ?/?>|</(?:p|div|li|tr|pre|h[1-6])>|<(?:p|div|li|tr|pre)\b[^<>]{0,300}>"
)
_TAG = re.compile(
    r"(?i)</?(?:a|b|i|em|strong|tt|font|code|samp|kbd|span|body|html|table|tbody|thead|ul|ol"
    r"|blockquote|section|figure|article|sup)(?:\s[^<>]{0,500})?/?>"
    r"|\[/?(?:code|quote|pre)\]|\{(?:code|noformat|quote)(?::[^{}]{0,60})?\}"
)
_ESCAPED = re.compile(r"\\(?=[_^*#+()~<>-])")
_CELL = re.compile(r"(?i)</?t[dh]\b[^<>]{0,300}>")
_ENTITY = re.compile(r"&(?:gt|lt|amp|nbsp|quot|apos|#[0-9]{1,5}|#[xX][0-9a-fA-F]{1,4});")

# "\n" in a literal ends a line, but not in a Windows path: C:\netperf.
_LITERAL_END = re.compile(r"(?:\\{1,4}r)?\\{1,4}n(?!et(?:perf|server)\b)")
_LITERAL_START = re.compile(r"^.*(?:^|[\s:=(\[{,bru])[\"'`]")
_MARK_AT_END = {mark: re.compile(r"(?<!\\)" + mark) for mark in "\"'`"}
_WORD = re.compile(r"\w")
_PAIR = re.compile(
    r"[{,]?\s?([\"'])([A-Z][A-Z0-9_]{2,40})\1: ?(\"[^\"]{0,999}\"|'[^']{0,999}'|[^,}\s]{0,99}),?"
)
_DOCKER = ('{"log":"', ',"stream":"')  # around each line in its logs
_LITERAL_SIGNS = (
    (re.compile(r"\\{1,4}t"), "\t"),
    (re.compile(r"\\{1,4}(?:u001[bB]|x1[bB]|033|e(?=\[))"), _ESCAPE),
    (re.compile(r"\\{1,4}u003[eE]"), ">"),
    (re.compile(r"\\{1,4}([\"'])"), r"\1"),
)

_SECONDS = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?"
_CLOCK = rf"(?:{_SECONDS}|[0-9]{{2}}:[0-9]{{2}})"
_ZONE = r"(?:Z| ?[+-][0-9]{2}:?[0-9]{2}| UTC)?"
_STAMP = re.compile(
    r"\s{0,80}(?:\[\s{0,12}[0-9]{1,9}\.[0-9]{3,9}\]"
    rf"|\[?[0-9]{{4}}[-/][0-9]{{2}}[-/][0-9]{{2}}(?:[T ]{_CLOCK})?{_ZONE}\]?"
    rf"|\[?{_SECONDS}\]?"
    r"|1[0-9]{9}\.[0-9]{3,9}"
    rf"|[A-Z][a-z]{{2}} [ 0-9][0-9] {_SECONDS} [\w.-]{{1,64}} [\w./-]{{1,64}}(?:\[[0-9]{{1,9}}\])?:"
    r")(?=[\s:|>-]|$)[ \t]?"
)
# Sure starts of lines: what stands before one stands before the others.
_ANCHOR = re.compile(
    rf"(?:MIGRATED )?(?:{TITLE}) TEST (?:from|to) |OMNI [A-Z][A-Za-z|]{{1,30}} TEST (?:from|to) "
    r"|Recv {3}Send {4}Send|Local /Remote"
    r"|(?<![A-Za-z0-9])(?:Socket {2}Message {2}Elapsed|bytes {2}[Bb]ytes {2})"
    r"|(?<![A-Z0-9_])(?:THROUGHPUT(?:_UNITS)?|ELAPSED_TIME|PROTOCOL|DIRECTION|TRANSACTION_RATE|[A-Z0-9]{3,6}_LATENCY)="
)
_HEADING = re.compile(r"(?i)(?<![0-9])bytes(?:\s{1,40}bytes){1,3}\s{1,40}secs\b")
_ROW = re.compile(r"(?<=\s)[0-9]{1,12}(?:\s{1,40}-?[0-9]{1,15}(?:\.[0-9]{1,9})?(?!\S)){4,13}")
_COUNT = re.compile(r" {0,8}([0-9]{1,6})(\.? {1,8})")
_LIST_START = re.compile(r"\[[\"'](?=%s)" % _ANCHOR.pattern)
_LIST_JOINT = {mark: re.compile(r"(?<!\\)%s,\s?%s" % (mark, mark)) for mark in "\"'"}
_LIST_END = re.compile(r"(?<!\\)[\"']\]")
_STDOUT, _REPEATED = '"stdout": "', '"stdout_lines": ['
_VALUE = re.compile(r"[:=]0?[\"']\Z")  # in prefixes, 0 stands for a space too
_ANCHOR_SIGNS = ("=", "TEST ", "ytes  ", "Recv   S", "Local /R", "Socket  M")  # for speed
_ANCHOR_WITHIN = 4096
_PREFIX_LENGTH = 160
_IS_DIGIT = str.maketrans(" 123456789", "0" * 10)


def lines_of(text: str) -> Iterable[Numbered]:
    """The lines of a text, counted from 1, without what carries them."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines: Iterable[Numbered] = enumerate(text.split("\n"), 1)
    if _is_quoted_printable(text):
        lines = _decoded(lines)
    if _REPEATED in text:
        lines = _without_repeats(lines)
    if "['" in text or '["' in text:
        lines = _split_lists(lines)
    if "\\n" in text:
        lines = _split_literals(lines)
    if 'THROUGHPUT": ' in text or "THROUGHPUT': " in text:
        lines = _split_pairs(lines)
    if any(sign in text for sign in ("<", "&", "[/", "{", "\\")):
        lines = _without_markup(lines)
    if _ESCAPE in text or "\b" in text or "\\" in text or _BARE_COLOUR.search(text):
        lines = _without_control(lines)
    if not text.isascii() or "\x00" in text:
        lines = ((number, line.translate(_INVISIBLE)) for number, line in lines)
    lines = _without_prefix(lines)
    return _split_tables(lines) if "secs" in text else lines


def _is_quoted_printable(text: str) -> bool:
    """Said by the mail's head, or shown: netperf prints no "=3D", and "=" at an end but of keys."""
    if "=3D" in text or "quoted-printable" in text.lower():
        return True
    return ("=\n" in text or "=20\n" in text) and any(
        not (_KEY_START.match(line) or _KEY_OF_20.fullmatch(line.rsplit(None, 1)[-1]))
        for line in text.split("\n")
        if line.endswith("=20") or (line.endswith("=") and len(line) >= _SOFT_BREAK_AFTER)
    )


def _decoded(lines: Iterable[Numbered]) -> Iterator[Numbered]:
    """Quoted-printable, but for `KEY=value` lines: these were not encoded."""
    start: Optional[int] = None
    pieces: List[str] = []
    for number, line in lines:
        is_key = not pieces and _KEY_START.match(line)
        piece = line if is_key else line.rstrip(" \t")
        start = number if start is None else start
        if piece.endswith("=") and not is_key:
            pieces.append(piece[:-1])
            continue
        whole = "".join(pieces) + piece
        yield start, whole if is_key else _OCTET.sub(_octet, whole)
        start, pieces = None, []
    if start is not None:
        yield start, _OCTET.sub(_octet, "".join(pieces))


def _octet(found: "re.Match[str]") -> str:
    code = int(found[1] or "20", 16)
    return chr(code) if 32 <= code < 127 or code == 9 else " "


def _without_repeats(lines: Iterable[Numbered]) -> Iterator[Numbered]:
    """Ansible prints "stdout" once more, as "stdout_lines"."""
    above, is_repeated = "", False
    for number, line in lines:
        before, sign, after = line.partition(_REPEATED)
        if sign and _STDOUT in (before if before.strip() else above):
            end = _LIST_END.search(after)
            line = before + after[end.end() :] if end else before + after
            is_repeated = not after.strip()  # it goes on in the next lines
        elif is_repeated and line.lstrip().startswith('"'):
            continue
        else:
            is_repeated = False
        above = line
        yield number, line


def _split_lists(lines: Iterable[Numbered]) -> Iterator[Numbered]:
    """Lists of lines in one line: `["MIGRATED ...", "Local /Remote", ...]`."""
    for number, line in lines:
        done, start = 0, _LIST_START.search(line)
        while start:
            end = _LIST_END.search(line, start.end())
            stop = end.end() if end else len(line)
            items = line[start.end() : end.start() if end else stop]
            if "\\n" not in items:  # else these are literals
                yield number, line[done : start.start()]
                for item in _LIST_JOINT[start[0][-1]].split(items):
                    yield number, _unescaped(item)
                done = stop
            start = _LIST_START.search(line, stop)
        yield number, line[done:]


def _split_literals(lines: Iterable[Numbered]) -> Iterator[Numbered]:
    """String literals of JSON, Python, Go and C, in which "\\n" ends a line."""
    for number, line in lines:
        if "\\n" not in line:
            yield number, line
            continue
        for piece in _without_marks(_LITERAL_END.split(line)):
            yield number, _unescaped(piece)


def _without_marks(pieces: List[str]) -> Iterator[str]:
    """Literals without their quotation marks; what stands around them, where it has words."""
    mark, last = "", len(pieces) - 1
    for position, piece in enumerate(pieces):
        is_around = mark != "" or position == 0
        if mark:
            inside, *after = _MARK_AT_END[mark].split(piece, maxsplit=1)
            yield inside
            if not after:
                continue
            mark, piece = "", after[0]
        is_start = is_around and position < last and len(piece) <= 4096
        opened = _LITERAL_START.match(piece) if is_start else None
        around = piece[: opened.end()] if opened else piece
        if not is_around or (_WORD.search(around) and not _is_docker(around)):
            yield around
        if opened:
            mark = around[-1]
            yield piece[opened.end() :]


def _is_docker(around: str) -> bool:
    return around == _DOCKER[0] or around.startswith(_DOCKER[1])


def _unescaped(piece: str) -> str:
    for sign, meaning in _LITERAL_SIGNS if "\\" in piece else ():
        piece = sign.sub(meaning, piece)
    return piece


def _split_pairs(lines: Iterable[Numbered]) -> Iterator[Numbered]:
    """Keyval output as JSON, or as Python prints it."""
    for number, line in lines:
        line = _PAIR.sub(lambda pair: "\n%s=%s\n" % (pair[2], pair[3].strip("\"'")), line)
        for piece in line.split("\n"):
            yield number, piece


def _without_markup(lines: Iterable[Numbered]) -> Iterator[Numbered]:
    for number, line in lines:
        if "\\" in line:
            line = _ESCAPED.sub("", line)
        if "<" in line or "[/" in line or "[code" in line or "{" in line:
            line = line.replace("<sup>", "^")
            line = _TAG.sub("", _CELL.sub(" ", _ENDS_LINE.sub("\n", line)))
        if "&" in line:
            line = _ENTITY.sub(lambda found: html.unescape(found[0]), line).replace("\xa0", " ")
        for piece in line.split("\n"):
            yield number, piece


def _without_control(lines: Iterable[Numbered]) -> Iterator[Numbered]:
    for number, line in lines:
        if _ESCAPE in line:
            line = _CONTROL.sub("", line)
        if "[" in line:
            line = _BARE_COLOUR.sub("", line)
        yield number, _typed(line) if "\b" in line else line


def _typed(line: str) -> str:
    kept: List[str] = []
    for letter in line:
        if letter != "\b":
            kept.append(letter)
        elif kept:
            kept.pop()
    return "".join(kept)


def _without_prefix(lines: Iterable[Numbered]) -> Iterator[Numbered]:
    """Without stamps and what stands before every line, learned where a sure line begins. Digits
    alone must count on from line to line, so no number of a row is taken for it.
    """
    prefix, count, gap = "", -1, ""
    for number, line in lines:
        if line.startswith("NETPERF_") or _KEY_START.match(line):
            prefix, count = "", -1
            yield number, line
            continue
        for _ in range(2 if ":" in line or "[" in line or line[:1] == "1" else 0):
            stamp = _STAMP.match(line)
            line = line[stamp.end() :] if stamp else line
        has_sign = any(map(line.__contains__, _ANCHOR_SIGNS))
        anchor = _ANCHOR.search(line, 0, _ANCHOR_WITHIN) if has_sign else None
        # Of several keys in a line, only the first has a prefix.
        if anchor and not (anchor[0][-1] == "=" and "=" in line[: anchor.start()]):
            start = line[: anchor.start()]
            counted = _COUNT.fullmatch(start)
            if counted:
                count, gap, prefix = int(counted[1]), counted[2], ""
                yield number, line[anchor.start() :]
                continue
            if len(start) <= _PREFIX_LENGTH:
                prefix = start.translate(_IS_DIGIT) if start.strip(" 0123456789.") else ""
            line = _behind(prefix, line[anchor.start() :]) if prefix else line
        elif prefix and line[: len(prefix)].translate(_IS_DIGIT) == prefix:
            line = _behind(prefix, line[len(prefix) :])
        elif count >= 0 and line.strip():
            head, _, rest = line.lstrip().partition(gap)
            count = count + 1 if head.rstrip(".").lstrip("0") == str(count + 1) else -1
            line = rest if count >= 0 else line
        yield number, line


def _behind(prefix: str, line: str) -> str:
    """What follows a prefix: up to the end of the value that it opens, as `"msg": "` does."""
    if not _VALUE.search(prefix):
        return line
    return _unescaped(_MARK_AT_END[prefix[-1]].split(line, maxsplit=1)[0])


def _split_tables(lines: Iterable[Numbered]) -> Iterator[Numbered]:
    """Heading and rows apart where line ends were lost, as by `echo $OUTPUT`."""
    for number, line in lines:
        while "secs" in line:
            heading = _HEADING.search(line)
            row = _ROW.search(line, heading.end()) if heading else None
            if heading is None or row is None:
                break
            yield number, line[: heading.start()]
            yield number, line[heading.start() : row.start()]
            yield number, row[0]
            line = line[row.end() :]
        yield number, line
