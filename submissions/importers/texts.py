"""A file of netperf text, or one envelope as a document: one report. No Django."""

from collections.abc import Iterator
from typing import BinaryIO

from submissions.importers.item import Found, Item
from submissions.importers.sources import whole


def items(stream: BinaryIO, place: str) -> Iterator[Found]:
    """The whole stream as one report. Raises Refused 413."""
    yield Item(place, "netperf-text", whole(stream))
