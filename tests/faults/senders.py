"""Many senders at once, and what was promised to each: the ledger that every case settles with."""

import hashlib
import json
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import reports
from tests.end_to_end.site import Answer, Site

KIND = "application/json"


def numbered(number: int) -> bytes:
    """A report whose figure no other number has, all from one kernel."""
    report = reports.envelope(reports.run(20_000 + number / 100))
    report["environment"]["kernel"]["release"] = "6.40.1-faults"
    return reports.as_bytes(report)


@dataclass(frozen=True)
class Sent:
    """One request and its answer; `status` is 0 where the connection broke."""

    number: int
    status: int
    public_id: str | None
    took_s: float


@dataclass
class Ledger:
    """Every report that was promised to be kept, with the digest that its stored bytes must have:
    made from what was sent, not from what the registry says.
    """

    kept: dict[str, str] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    others: int = 0  # made by a command, and promised to nobody

    def enter(self, sent: Iterable[Sent]) -> list[Sent]:
        entered = list(sent)
        for each in entered:
            self.statuses.append(each.status)
            if each.public_id:
                self.promise(each.public_id, numbered(each.number))
        return entered

    def promise(self, public_id: str, body: bytes) -> None:
        self.kept[public_id] = digest_of(body)

    def write(self, path: Path) -> None:
        lines = ({"id": name, "body_sha256": digest} for name, digest in self.kept.items())
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def digest_of(body: bytes) -> str:
    from submissions.intake import prepare  # needs Django, which stands after conftest is read

    stored = prepare(body, KIND).body
    assert stored is not None
    return hashlib.sha256(stored).hexdigest()


def post(site: Site, number: int, **headers: str) -> Sent:
    """Send one report. A broken connection is an answer too."""
    started_s = time.perf_counter()
    try:
        answer = site.post("/api/v1/reports/", numbered(number), **headers)
    except OSError:
        return Sent(number, 0, None, time.perf_counter() - started_s)
    return Sent(number, answer.status, _id_in(answer), time.perf_counter() - started_s)


def post_many(site: Site, numbers: Iterable[int], clients: int) -> list[Sent]:
    """`clients` at a time, each report once."""
    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(lambda number: post(site, number), numbers))


def slowest_ms(sent: Iterable[Sent], share: float = 0.99) -> float:
    took = sorted(each.took_s for each in sent)
    return 1000 * took[min(len(took) - 1, int(share * len(took)))]


def _id_in(answer: Answer) -> str | None:
    body: Any = answer.json() if answer.status in {200, 201, 202} else {}
    return body.get("id")
