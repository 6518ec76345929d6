"""From the paths of a command line to reports to be: directories are walked, each file goes to the
importer that its first bytes call for. No Django.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from registry.refusal import Refused
from submissions.dump.records import HEAD
from submissions.importers import envelopes, flent, mbox, pkb, records, texts
from submissions.importers.item import Found, Importer, Item, Note, refusal
from submissions.importers.sources import head_of, opened, walked

UNREADABLE = "unreadable"

_JSON = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]{0,100}\{")
_HEADERS = re.compile(
    rb"(?:[A-Za-z][A-Za-z0-9-]{0,60}:[^\n]{0,2000}\n(?:[ \t][^\n]{0,2000}\n){0,50}){3}"
)
_MESSAGE_ID = re.compile(rb"^message-id:", re.IGNORECASE | re.MULTILINE)
_FLENT_KEYS = (b'"FLENT_VERSION"', b'"NETPERF_WRAPPER_VERSION"', b'"x_values"', b'"BATCH_UUID"')


def found_in(paths: Iterable[str], posts: mbox.Posts) -> Iterator[Found]:
    """Everything below `paths`, in their order. A path gives its reports their source."""
    for path in paths:
        source = "-" if path == "-" else os.path.basename(os.path.abspath(path))
        for name, fault in walked(path) if path != "-" else [("-", None)]:
            if fault:
                yield Note(name, "skipped", "not_followed", fault)
                continue
            if records.is_beside(name):
                message = "The reports of a dump stand in its reports-*.jsonl."
                yield Note(name, "skipped", "of_a_dump", message)
                continue
            for found in _in_file(name, posts):
                yield replace(found, source=source) if isinstance(found, Item) else found


def _in_file(path: str, posts: mbox.Posts) -> Iterator[Found]:
    try:
        with opened(path) as stream:
            yield from importer_for(path, head_of(stream), posts)(stream, path)
    except OSError as error:
        yield Note(path, "refused", UNREADABLE, error.strerror or str(error))
    except Refused as refused:
        yield refusal(path, refused)


def importer_for(path: str, head: bytes, posts: mbox.Posts) -> Importer:
    """Which importer reads a file that begins with `head`; netperf text is what is nothing else."""
    if head.startswith(HEAD):
        return records.items
    if mbox.SEPARATOR.match(head) or (_HEADERS.match(head) and _MESSAGE_ID.search(head)):
        return posts.items
    first_line, newline, _ = head.partition(b"\n")
    if _JSON.match(head):
        return _json_importer(path, head, first_line if newline else b"")
    header = {name.strip(b' "\r') for name in first_line.split(b",")}
    if header >= {name.encode() for name in pkb.COLUMNS}:
        return pkb.csv_items
    return texts.items


def _json_importer(path: str, head: bytes, first_line: bytes) -> Importer:
    """`first_line` is empty where the head has no second one."""
    if path.endswith((".flent", ".flent.gz")) or any(key in head for key in _FLENT_KEYS):
        return flent.items
    if first_line and not _is_object(first_line):
        return texts.items  # an envelope over many lines, or something with text in it
    if b'"report_version"' in head:
        return envelopes.items
    if b'"metric"' in head and b'"unit"' in head:
        return pkb.json_items
    return texts.items


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
