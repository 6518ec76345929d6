"""PerfKitBenchmarker's samples of its netperf benchmark, as CSV or as JSON Lines. No Django.

Columns and keys as its publisher.py writes them (timestamp, test, metric, value, unit, run_uri;
metadata as columns, as an object, or as labels `|key:value|,|key:value|`), metrics as its
netperf_benchmark.py names them (TCP_CRR_Transaction_Rate in transactions_per_second,
TCP_STREAM_Throughput in Mbits/sec, TCP_CRR_Latency_p50 in us). A run (run_uri) is one report. Of
several streams it gives `_Throughput_total`, its own sum of netperf's rates: shown, never a figure.
"""

import csv
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby, islice
from typing import Any, BinaryIO

from crr_submit import netperf
from registry.refusal import Refused
from registry.safe_json import faults, load_object, utf8
from submissions.importers.item import Found, Item, Note, refusal
from submissions.importers.sources import REPORT_LIMIT_BYTES, lines
from submissions.normalise import VALUE_LIMIT
from submissions.parsing import Parsed, ParsedRun

CSV_FORMAT = "pkb-csv"
JSON_FORMAT = "pkb-json"
BENCHMARK = "netperf"
COLUMNS = frozenset({"timestamp", "test", "metric", "value", "unit", "run_uri"})
LINE_LIMIT_BYTES = 1024 * 1024  # a histogram is one cell
TEXT_LENGTH = 256
SAMPLES_LIMIT = 10_000

_FIGURE = re.compile(
    r"((?:TCP|UDP)_(?:RR|CRR|STREAM|MAERTS))_(Transaction_Rate|Throughput|Throughput_total)"
)
_LATENCY = re.compile(r"((?:TCP|UDP)_C?RR)_Latency_(p50|p90|p99|min|max|stddev)")
_UNITS = {"transactions_per_second": ("trans/s", 1.0), "Mbits/sec": ("bit/s", 1e6)}
_PROVIDERS = {"gcp": "gce"}
_SAMPLE_KEYS = ("timestamp", "test", "metric", "value", "unit")
# Metadata that says what was measured on; anything else stays out of what is stored.
_METADATA = re.compile(
    r"(?:[a-z0-9_]{1,32}_)?(?:cloud|zone|machine_type|image|num_cpus|kernel_release)"
    r"|num_streams|ip_type|netperf_test_length|max_iter|confidence_iter|confidence_width_percent"
    r"|perfkitbenchmarker_version"
)
# Whose environment is the report's: the side that runs netperf.
_SIDES = ("", "client_", "vm_1_", "sending_", "default_")

Sample = dict[str, Any]


def csv_items(stream: BinaryIO, place: str) -> Iterator[Found]:
    """One report a run of a CSV file. Raises Refused for a file that is no CSV."""
    yield from _runs(_csv_samples(stream), place, CSV_FORMAT)


def json_items(stream: BinaryIO, place: str) -> Iterator[Found]:
    """One report a run of a file of samples as JSON Lines."""
    yield from _runs(_json_samples(stream, place), place, JSON_FORMAT)


def _runs(samples: Iterable[Sample | Note], place: str, format: str) -> Iterator[Found]:
    for run, group in groupby(samples, key=_run_of):
        if isinstance(run, Note):
            yield from (note for note in group if isinstance(note, Note))
            continue
        where = f"{place}, run {run}" if run else place
        mine: list[Sample] = []
        n_others = 0
        for sample in group:
            if not isinstance(sample, dict) or str(sample.get("test")).lower() != BENCHMARK:
                n_others += 1
            elif len(mine) <= SAMPLES_LIMIT:
                mine.append(sample)
        if n_others:
            message = f"{n_others} samples are of other benchmarks than netperf."
            yield Note(where, "skipped", "other_tool", message, count=n_others)
        if mine:
            yield _item(mine, where, format, run)


def _run_of(sample: Sample | Note) -> Any:
    return sample if isinstance(sample, Note) else str(sample.get("run_uri") or "")[:TEXT_LENGTH]


def _item(samples: list[Sample], where: str, format: str, run: str) -> Found:
    body = json.dumps({"samples": samples}).encode()
    if len(samples) > SAMPLES_LIMIT:
        return Note(
            where, "refused", "too_large", f"The run has more than {SAMPLES_LIMIT} samples."
        )
    ref = f"perfkitbenchmarker {run}"[:255] if run else None
    return Item(where, format, body, machine=run, source_ref=ref)


def _csv_samples(stream: BinaryIO) -> Iterator[Sample]:
    rows = csv.reader(_text_lines(stream))
    header: list[str] = []
    try:
        for row in rows:
            if not header:
                header = [name.strip() for name in row]
                if not set(header) >= COLUMNS:
                    raise Refused(422, "not_pkb", "The first line names no columns of samples.")
            elif row:
                yield _sample(dict(zip(header, row, strict=False)))
    except csv.Error as error:
        raise Refused(422, "bad_csv", f"Line {rows.line_num} is no CSV: {error}.") from None


def _text_lines(stream: BinaryIO) -> Iterator[str]:
    for number, line in lines(stream, LINE_LIMIT_BYTES):
        if line is None:
            message = f"Line {number} is longer than {LINE_LIMIT_BYTES:,} bytes."
            raise Refused(413, "too_large", message)
        yield utf8(line)


def _json_samples(stream: BinaryIO, place: str) -> Iterator[Sample | Note]:
    for number, line in lines(stream, LINE_LIMIT_BYTES):
        if line is not None and not line.strip():
            continue
        where = f"{place}, line {number}"
        try:
            if line is None:
                message = f"It is longer than {LINE_LIMIT_BYTES:,} bytes."
                raise Refused(413, "too_large", message)
            sample = load_object(line)
        except Refused as refused:
            yield refusal(where, refused)
            continue
        labels, metadata = sample.pop("labels", None), sample.pop("metadata", None)
        found = metadata if isinstance(metadata, dict) else _labels(labels)
        yield _sample({**found, **sample})


def _labels(text: Any) -> dict[str, str]:
    """`|cloud:GCP|,|zone:us-central1-a|` as a mapping; values may hold colons and commas."""
    if not isinstance(text, str):
        return {}
    pairs = (label.partition(":") for label in text.strip("|").split("|,|"))
    return {key: value for key, colon, value in pairs if colon}


def _sample(row: Mapping[str, Any]) -> Sample:
    """The keys of a sample and the metadata that is kept, its texts shortened."""
    known = {key: row[key] for key in (*_SAMPLE_KEYS, "run_uri") if key in row}
    metadata = {key: value for key, value in row.items() if _METADATA.fullmatch(key) and value}
    shortened = {
        key: value[:TEXT_LENGTH] if isinstance(value, str) else value
        for key, value in metadata.items()
        if isinstance(value, str | int | float)
    }
    return {**known, "metadata": shortened}


def kept(body: bytes) -> bytes:
    """The bytes of a run that are stored. Raises Refused for what is neither text nor number."""
    data = load_object(body)
    wrong = list(faults(data))
    if wrong:
        raise Refused(422, "invalid", "The samples hold what is neither text nor number.", wrong)
    kept_body = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    if len(kept_body) > REPORT_LIMIT_BYTES:
        message = f"The samples of the run are larger than {REPORT_LIMIT_BYTES:,} bytes."
        raise Refused(413, "too_large", message)
    return kept_body


def parsed(body: bytes) -> tuple[Parsed, dict[str, Any]]:
    """Stored bytes as runs, one a figure, and the environment of the side that ran netperf."""
    samples: list[Sample] = json.loads(body)["samples"]
    runs: list[ParsedRun] = []
    others: list[str] = []
    for index, sample in enumerate(samples):
        result = _result(sample, islice(samples, index + 1, None))
        if result:
            settings = _settings(sample["metadata"])
            report = netperf.ParsedReport(results=(result,))
            runs.append(ParsedRun(settings, ("",), (report,)))
        elif not _LATENCY.fullmatch(str(sample.get("metric"))):
            others.append(str(sample.get("metric")))
    environment = _environment(samples[0]["metadata"]) if samples else {}
    return Parsed(_with_note(runs, others)), {"environment": environment}


def _with_note(runs: list[ParsedRun], others: list[str]) -> tuple[ParsedRun, ...]:
    """The runs, the first of which says what is no figure of netperf."""
    if not others:
        return tuple(runs)
    said = (netperf.Warning_(0, f"no figures of netperf: {', '.join(sorted(set(others)))[:500]}"),)
    if not runs:
        return (ParsedRun({}, ("",), (netperf.ParsedReport(warnings=said),)),)
    first = netperf.ParsedReport(results=runs[0].outputs[0].results, warnings=said)
    return (ParsedRun(runs[0].settings, ("",), (first,)), *runs[1:])


def _result(sample: Sample, after: Iterable[Sample]) -> netperf.Result | None:
    """The figure of a sample with the latencies that follow it up to the next figure."""
    found = _FIGURE.fullmatch(str(sample.get("metric")))
    unit, factor = _UNITS.get(str(sample.get("unit")), ("", 0.0))
    value = _number(sample.get("value"))
    if not found or not unit or value is None or value * factor >= VALUE_LIMIT:
        return None
    latencies: dict[str, float] = {}
    for other in after:
        named = _LATENCY.fullmatch(str(other.get("metric")))
        if not named or named[1] != found[1]:
            if _FIGURE.fullmatch(str(other.get("metric"))):
                break
            continue
        latency = _number(other.get("value"))
        if latency is not None and other.get("unit") == "us":
            latencies.setdefault(f"{named[2]}_latency_us", latency)
    width = _number(sample["metadata"].get("confidence_width_percent"))
    return netperf.Result(
        test=found[1],
        value=value * factor,
        unit=unit,
        line=0,
        netperf_confidence_width_percent=width,
        **latencies,  # type: ignore[arg-type]  # names of latencies only
    )


def _number(value: Any) -> float | None:
    """A finite number that is not negative: -1 is how netperf says that it has none."""
    try:
        number = float(value) if isinstance(value, str | int | float) else math.nan
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _settings(metadata: Mapping[str, Any]) -> dict[str, Any]:
    streams = _number(metadata.get("num_streams")) or 1
    return {
        "streams": max(1, int(streams)) if streams < 1e6 else 1,
        "topology": _topology(metadata),
        "placement": "unpinned",
    }


def _topology(metadata: Mapping[str, Any]) -> str | None:
    near, far = (
        next((metadata[name] for name in names if metadata.get(name)), None)
        for names in (
            ("client_zone", "sending_zone", "vm_1_zone"),
            ("server_zone", "receiving_zone", "vm_2_zone"),
        )
    )
    if near is None or far is None:
        return None
    return "same_zone" if near == far else "cross_zone"


def _environment(metadata: Mapping[str, Any]) -> dict[str, Any]:
    def first(name: str) -> str | None:
        found = (metadata.get(side + name) for side in _SIDES)
        return next((str(value)[:TEXT_LENGTH] for value in found if value), None)

    cloud = (first("cloud") or "").lower() or None
    cpus = _number(first("num_cpus") or "")
    return {
        "cloud": {
            "provider": _PROVIDERS.get(cloud, cloud) if cloud else None,
            "instance_type": first("machine_type"),
            "image": first("image"),
        },
        "kernel": {"release": first("kernel_release")},
        "cpu": {"online": int(cpus) if cpus and cpus < 2**31 else None},
    }
