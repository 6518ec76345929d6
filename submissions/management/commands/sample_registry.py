"""Fill a registry with made-up reports of a known truth, for tests, benches and a look around."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from registry.models import Machine, RawReport, Submitter
from registry.models.identity import keyed_digest
from submissions import intake
from submissions.importers.run import bring_up_to_date
from submissions.sample import NOTES, Sample, samples

AT_ONCE = 200


class Command(BaseCommand):
    help = (
        "Stores made-up reports, which say so in their notes. Refuses beside reports of real "
        "hosts, which they would outnumber. The same seed gives the same reports."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reports", type=int, default=1_000, metavar="N")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--beside-real", action="store_true", help="do it all the same")
        parser.add_argument("--json", action="store_true", help="the outcome as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
        call_command("migrate", verbosity=0, interactive=False)
        real = RawReport.objects.exclude(source=RawReport.Source.SEED).exclude(notes=NOTES)
        if real.exists() and not options["beside_real"]:
            message = "this registry has reports of real hosts: use another DATABASE_URL"
            raise CommandError(f"{message}, or --beside-real")
        stored = 0
        for batch in _batches(samples(options["reports"], options["seed"])):
            stored += _store(batch)
            self._progress(f"{stored:,} of {options['reports']:,} reports")
        self._progress("bringing summaries and charts up to date")
        bring_up_to_date()
        self._progress("")
        told = {"stored": stored, "seed": options["seed"]}
        text = f"{stored:,} made-up reports stored, seed {options['seed']}"
        self.stdout.write(json.dumps(told) if options["json"] else text)

    def _progress(self, text: str) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r\x1b[K{text}", ending="")
            self.stderr.flush()


def _batches(found: Iterator[Sample]) -> Iterator[list[Sample]]:
    while batch := list(islice(found, AT_ONCE)):
        yield batch


def _store(batch: Sequence[Sample]) -> int:
    """Store what is not there yet, each as intake would; how many that were."""
    bodies = [json.dumps(sample.envelope).encode() for sample in batch]
    digests = [keyed_digest("received", body) for body in bodies]
    known = set(
        RawReport.objects.filter(received_digest__in=digests).values_list(
            "received_digest", flat=True
        )
    )
    senders = Submitter.for_links({_link(sample) for sample in batch}, is_import=True)
    machines = Machine.for_ids({sample.envelope["machine_id"] for sample in batch})
    new = []
    for sample, body, digest in zip(batch, bodies, digests, strict=True):
        if digest in known:
            continue
        prepared = intake.prepare(body, "application/json")
        report = RawReport(
            received_digest=digest,
            source=RawReport.Source.API,
            submitter=senders[_link(sample)],
            machine=machines[sample.envelope["machine_id"]],
        )
        intake.fill(report, prepared)
        new.append((report, prepared.content))
        known.add(digest)
    with transaction.atomic():
        intake.write_new(new, "operator")
    return len(new)


def _link(sample: Sample) -> str:
    return f"sample {sample.sender}"
