"""One item made ready to be stored: decoded, checked, scrubbed and read, as intake does it.

Runs in the processes of `pool`, so it takes and gives plain values and touches no database.
"""

import logging
from collections.abc import Callable
from dataclasses import replace

from registry.refusal import Refused
from submissions.dump.records import Record
from submissions.importers import flent, pkb
from submissions.importers.item import Item, Note, refusal
from submissions.importers.records import IMPORTED
from submissions.intake import Prepared, prepare, refuse_flagged
from submissions.read import Content, read

log = logging.getLogger(__name__)

_MEDIA_TYPES = {
    "netperf-text": "text/plain",
    "mbox": "text/plain",
    "envelope/1": "application/json",
}
# What is stored of the data files of other tools.
_KEPT: dict[str, Callable[[bytes], bytes]] = {
    flent.FORMAT: flent.kept,
    pkb.CSV_FORMAT: pkb.kept,
    pkb.JSON_FORMAT: pkb.kept,
}


def prepare_item(item: Item) -> Prepared | Note:
    """What is to be stored, or the refusal."""
    try:
        if item.record is not None:
            return _light(_prepare_record(item, item.record))
        if item.format in _KEPT:
            return _light(_prepare_data(item))
        prepared = _light(prepare(item.body, _MEDIA_TYPES[item.format], imported=True))
        return replace(prepared, format="mbox") if item.format == "mbox" else prepared
    except Refused as refused:
        return refusal(item.place, refused)


def _prepare_record(item: Item, record: Record) -> Prepared:
    """A restored report is as it was, also where it cannot be read any more. That of another
    registry is scrubbed and judged as if it were sent here.
    """
    imported = record.source in IMPORTED
    if item.keeps:
        content = _read_again(item, imported) if record.body is not None else None
        return Prepared(record.body, item.format, machine_id=None, content=content, unlisted=False)
    if item.format in _MEDIA_TYPES:
        prepared = prepare(item.body, _MEDIA_TYPES[item.format], imported=imported)
        return replace(prepared, format=item.format, machine_id=None, unlisted=False)
    return _prepare_read(item, item.body, imported)


def _read_again(item: Item, imported: bool) -> Content | None:
    try:
        return read(item.body, item.format, imported)
    except Exception:  # whatever is wrong with it, a restored report is kept
        log.exception("reading %s failed, it is restored without figures", item.place)
        return None


def _light(prepared: Prepared) -> Prepared:
    """Without what only the rules looked at: everything here goes from one process to another."""
    content = prepared.content
    if content is None:
        return prepared
    runs = tuple(replace(run, sources=()) for run in content.runs)
    return replace(prepared, content=replace(content, runs=runs))


def _prepare_data(item: Item) -> Prepared:
    return _prepare_read(item, _KEPT[item.format](item.body), imported=True)


def _prepare_read(item: Item, body: bytes, imported: bool) -> Prepared:
    content = None
    try:
        content = read(body, item.format, imported)
        refuse_flagged(content)
    except Refused:
        raise
    except Exception:  # a fault of ours: it is stored, and read later
        log.exception("reading %s failed, it will be stored unread", item.place)
    return Prepared(body, item.format, machine_id=None, content=content, unlisted=False)
