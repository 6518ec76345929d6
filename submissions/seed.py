"""Loading the seed data into an empty registry: imported reports with their source, one submitter
a row.
"""

import hashlib
import json
from importlib.resources import files
from typing import Any

from django.db import transaction

from registry.models import RawReport, Submitter
from registry.models.identity import canonical_json, keyed_digest
from submissions.intake import publish
from submissions.privacy import SCRUBBER_VERSION
from submissions.read import read

FORMAT = "seed-row/1"


def load() -> int:
    """Store every row of the seed data when the registry holds no report. Returns how many were
    stored.
    """
    if RawReport.objects.exists():
        return 0
    data = json.loads(files("submissions").joinpath("data/seed.json").read_text(encoding="utf-8"))
    with transaction.atomic():
        for row in data["reports"]:
            _store(row, data["sources"][row["source"]])
    return len(data["reports"])


def _store(row: dict[str, Any], source: str) -> None:
    body = canonical_json(row).encode()
    report = RawReport.objects.create(
        received_digest=keyed_digest("received", body),
        body=body,
        body_sha256=hashlib.sha256(body).hexdigest(),
        scrubber_version=SCRUBBER_VERSION,
        format=FORMAT,
        source=RawReport.Source.SEED,
        source_ref=f"{source}, row {row['ref']}",
        submitter=Submitter.for_link(f"seed {row['ref']}", is_import=True),
    )
    report.record("received", actor="operator", source=source)
    publish(report, read(body, FORMAT, imported=True))
