"""What the importers hand on: a report to be, or a note on what is none. No Django.

Every importer is a generator over an open source; `inputs` chooses it, `pool` prepares what it
yields, `store` writes that.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from registry.refusal import Refused
from submissions.dump.records import Record


@dataclass(frozen=True)
class Item:
    """One report to be: its bytes as they stood and the format that reads them.

    `place` is for people: the path, and where in it. `source` and `machine` name the sender:
    whose archive, and which host or poster in it, as far as it can be told. `source_ref` is a name
    that the report has wherever it is found, such as a Message-ID. `record` is what another
    registry's dump says of it, and `keeps` that it is to stay all that: id, state and trail.
    """

    place: str
    format: str
    body: bytes
    source: str = ""
    machine: str = ""
    source_ref: str | None = None
    record: Record | None = None
    keeps: bool = False


@dataclass(frozen=True)
class Note:
    """What became of something, in one sentence. `outcome` is stored, held, known, refused or
    skipped; `count` of more than one sums up things of a kind.
    """

    place: str
    outcome: str
    code: str = ""
    message: str = ""
    details: tuple[dict[str, str], ...] = ()
    report: str = ""
    status: str = ""
    n_results: int = 0
    warnings: tuple[str, ...] = ()
    count: int = 1

    def as_dict(self) -> dict[str, Any]:
        """The line of --json: what says nothing is left out."""
        named = {"path": self.place, "outcome": self.outcome, "id": self.report}
        more = {
            "status": self.status,
            "results": self.n_results,
            "code": self.code,
            "message": self.message,
            "details": list(self.details),
            "warnings": list(self.warnings),
            "count": self.count if self.count > 1 else 0,
        }
        return {name: value for name, value in (named | more).items() if value}


def refusal(place: str, refused: Refused) -> Note:
    details = tuple(refused.details)
    return Note(place, "refused", refused.code, refused.message, details)


Found = Item | Note
Importer = Callable[[BinaryIO, str], Iterator[Found]]
