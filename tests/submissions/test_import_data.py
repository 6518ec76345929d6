"""Data files of flent and PerfKitBenchmarker: which of their numbers are netperf's."""

import contextlib
import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from registry.models import RawReport, Reading, Result, Run
from submissions.importers import pkb
from submissions.importers.sources import HEAD_BYTES
from submissions.reparse import reparse
from submissions.verify import broken_promises

pytestmark = pytest.mark.django_db

NETPERF = (
    "/usr/bin/netperf -P 0 -v 0 -D -0.20 -4 -H secret.example.net -p 12865 -t {test} -l 60 -- -k"
)


def series(test: str, mean: float | None, units: str | None) -> dict[str, Any]:
    """SERIES_META of one netperf, as flent's runners.py writes it."""
    return {
        "COMMAND": NETPERF.format(test=test),
        "MEAN_VALUE": mean,
        "ELAPSED_TIME": 60.01,
        "UNITS": units,
        "RUNNER": "NetperfDemoRunner",
    }


PING = {
    "COMMAND": "/bin/ping -n -D -i 0.20 -w 70 secret.example.net",
    "MEAN_VALUE": 1.5,
    "UNITS": "ms",
}


def flent(**named: dict[str, Any]) -> dict[str, Any]:
    points = {name: [1.0, 2.0] for name in named} | {"TCP totals": [3.0, 4.0]}
    return {
        "metadata": {
            "NAME": "tcp_nup",
            "TITLE": "a test",
            "HOST": "secret.example.net",
            "LOCAL_HOST": "hidden",
            "IP_ADDRS": {"eth0": ["192.0.2.77"]},
            "T0": "2015-01-05T10:00:00.000000Z",
            "KERNEL_NAME": "Linux",
            "KERNEL_RELEASE": "3.18.1-1-ARCH",
            "FLENT_VERSION": "0.10.0",
            "SYSCTLS": {"net.ipv4.tcp_syncookies": 1, "net.ipv4.tcp_mem": "1 2 3"},
            "EGRESS_INFO": {"driver": "e1000e", "src": "192.0.2.77"},
            "SERIES_META": named,
        },
        "version": 4,
        "x_values": [0.0, 0.2],
        "results": points,
        "raw_values": {name: [{"t": 1.0, "val": 1.0}] for name in named},
    }


def saved(folder: Path, data: Any, name: str = "a.flent.gz") -> Path:
    body = json.dumps(data).encode()
    path = folder / name
    path.write_bytes(gzip.compress(body) if name.endswith("gz") else body)
    return path


def imported(path: Path) -> list[dict[str, Any]]:
    out = io.StringIO()
    with contextlib.suppress(CommandError):  # nothing in it is a report: some tests want that
        call_command("import_reports", str(path), "--json", stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def figures() -> list[tuple[Any, ...]]:
    return list(Result.objects.order_by("id").values_list("test", "value", "unit"))


@pytest.mark.parametrize("name", ["a.flent.gz", "a.flent", "renamed.json"])
def test_streams_of_one_flent_test_are_one_run(name: str, tmp_path: Path) -> None:
    up = {f"TCP upload::{n}": series("TCP_STREAM", 10.5 + n, "Mbits/s") for n in (1, 2)}
    [line] = imported(saved(tmp_path, flent(**up), name))
    assert line["outcome"] == "stored"
    assert figures() == [("TCP_STREAM", 11.5e6, "bit/s"), ("TCP_STREAM", 12.5e6, "bit/s")]
    run = Run.objects.get()
    assert (run.value, run.part, run.recipe.streams) == (24e6, "figure", 2)
    assert (run.recipe.timing_options, run.recipe.source) == ("demo", "imported")
    assert run.system.kernel_release == "3.18.1-1-ARCH"
    assert run.system.nic_driver == "e1000e"
    assert run.system.settings["net.ipv4.tcp_syncookies"] == 1


def test_of_a_mixed_flent_test_every_mean_is_shown_and_none_is_a_figure(tmp_path: Path) -> None:
    data = flent(
        up=series("TCP_STREAM", 10.5, "Mbits/s"),
        udp=series("UDP_RR", 0.5, "ms"),
        cut=series("TCP_MAERTS", None, "Mbits/s"),
        ping=PING,
    )
    [line] = imported(saved(tmp_path, data))
    assert figures() == [("TCP_STREAM", 10.5e6, "bit/s"), ("UDP_RR", 2000.0, "trans/s")]
    assert {run.part for run in Run.objects.all()} == {"partial"}
    said = " ".join(line["warnings"])
    assert "series ping: not a run of netperf" in said
    assert "series cut: netperf gave no mean" in said
    assert "series TCP totals: no number of netperf" in said


def test_a_flent_file_without_netperf_is_refused_with_the_reason(tmp_path: Path) -> None:
    [line] = imported(saved(tmp_path, flent(ping=PING)))
    assert (line["outcome"], line["code"]) == ("refused", "not_netperf")
    assert any("not a run of netperf" in fault["message"] for fault in line["details"])


def test_of_a_flent_file_no_host_is_kept(tmp_path: Path) -> None:
    imported(saved(tmp_path, flent(up=series("TCP_STREAM", 10.5, "Mbits/s"))))
    body = bytes(RawReport.objects.get().body or b"")
    assert not [name for name in (b"secret", b"hidden", b"192.0.2") if name in body]


def test_what_was_kept_of_data_files_gives_the_same_facts_again(tmp_path: Path) -> None:
    imported(saved(tmp_path, flent(up=series("TCP_STREAM", 10.5, "Mbits/s"))))
    imported(as_json(tmp_path, *samples()))
    assert RawReport.objects.count() == 2
    assert list(broken_promises()) == []
    assert not reparse().changed


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": []},
        {"metadata": {"SERIES_META": [1], "NAME": "x"}},
        {"metadata": {"SERIES_META": {"a": [1]}, "NAME": {"a": 1}, "FLENT_VERSION": 1e300}},
        {"results": 5},
    ],
)
def test_flent_files_of_another_shape_are_refused(change: dict[str, Any], tmp_path: Path) -> None:
    data = flent(a=series("TCP_STREAM", 1.0, "Mbits/s")) | change
    if "metadata" not in change:
        data["metadata"]["SERIES_META"] = {}
    [line] = imported(saved(tmp_path, data))
    assert line["outcome"] == "refused"


@pytest.mark.parametrize("mean", ["12", True, -1.0, 1e300, [1], {"a": 1}])
def test_a_flent_mean_that_is_no_number_is_no_result(mean: Any, tmp_path: Path) -> None:
    [line] = imported(saved(tmp_path, flent(a=series("TCP_STREAM", mean, "Mbits/s"))))
    assert line["outcome"] == "refused"


METADATA = {
    "cloud": "GCP",
    "sending_zone": "us-central1-a",
    "receiving_zone": "us-central1-a",
    "machine_type": "n1-standard-4",
    "image": "ubuntu-14-04",
    "num_streams": 1,
    "ip_type": "internal",
    "hostnames": "secret.example.net",
}


def sample(
    metric: str, value: Any, unit: str, run: str = "ab12cd34", **more: Any
) -> dict[str, Any]:
    return {
        "timestamp": 1420450000.5,
        "test": "netperf",
        "metric": metric,
        "value": value,
        "unit": unit,
        "product_name": "PerfKitBenchmarker",
        "official": False,
        "owner": "eve",
        "run_uri": run,
        "sample_uri": "0f",
        "metadata": METADATA,
        **more,
    }


def samples(run: str = "ab12cd34", rate: float = 343.35) -> list[dict[str, Any]]:
    return [
        sample("TCP_RR_Transaction_Rate", 1405.5, "transactions_per_second", run),
        sample("TCP_RR_Latency_p50", 683.0, "us", run),
        sample("TCP_CRR_Transaction_Rate", rate, "transactions_per_second", run),
        sample("TCP_CRR_Latency_p50", 2048.0, "us", run),
        sample("TCP_CRR_Latency_p99", 30029.0, "us", run),
        sample("TCP_STREAM_Throughput", 1187.94, "Mbits/sec", run),
        sample("End to End Runtime", 471.4, "seconds", run),
    ]


def as_json(folder: Path, *rows: dict[str, Any], labels: bool = False) -> Path:
    """As PerfKitBenchmarker writes newline-delimited JSON, labels collapsed or not."""
    path = folder / "perfkitbenchmarker_results.json"
    with path.open("w") as file:
        for row in rows:
            kept = dict(row)
            if labels:
                pairs = kept.pop("metadata").items()
                kept["labels"] = ",".join(f"|{key}:{value}|" for key, value in pairs)
            file.write(json.dumps(kept) + "\n")
    return path


def as_csv(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "results.csv"
    flat = [{**row, **row["metadata"]} for row in rows]
    for row in flat:
        del row["metadata"]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(flat[0]))
        writer.writeheader()
        writer.writerows(flat)
    return path


EXPECTED = [
    ("TCP_RR", 1405.5, "trans/s"),
    ("TCP_CRR", 343.35, "trans/s"),
    ("TCP_STREAM", 1187.94e6, "bit/s"),
]


@pytest.mark.parametrize("form", ["csv", "json", "labels"])
def test_samples_of_a_perfkitbenchmarker_run_are_one_report(form: str, tmp_path: Path) -> None:
    rows = samples()
    path = (
        as_csv(tmp_path, *rows)
        if form == "csv"
        else as_json(tmp_path, *rows, labels=form == "labels")
    )
    [line] = imported(path)
    assert line["outcome"] == "stored"
    assert figures() == EXPECTED
    crr = Result.objects.get(test="TCP_CRR")
    assert (crr.p50_latency_us, crr.p90_latency_us, crr.p99_latency_us) == (2048.0, None, 30029.0)
    run = Run.objects.get(recipe__test="TCP_CRR")
    assert (run.part, run.recipe.streams, run.recipe.topology) == ("figure", 1, "same_zone")
    assert (run.system.instance_type, run.system.kernel_release) == ("n1-standard-4", None)
    report = RawReport.objects.get()
    assert report.source_ref == "perfkitbenchmarker ab12cd34"
    assert report.format == ("pkb-csv" if form == "csv" else "pkb-json")
    assert b"secret" not in bytes(report.body or b"")
    assert b"eve" not in bytes(report.body or b"")
    assert "End to End Runtime" in str(Reading.objects.get().warnings)


def test_each_run_of_a_file_is_a_report_and_known_again(tmp_path: Path) -> None:
    path = as_json(tmp_path, *samples("aa"), *samples("bb", 500.25))
    assert [line["outcome"] for line in imported(path)] == ["stored", "stored"]
    assert [line["outcome"] for line in imported(path)] == ["known", "known"]
    assert RawReport.objects.count() == 2


def test_a_sum_over_streams_is_shown_and_no_figure(tmp_path: Path) -> None:
    many = METADATA | {"num_streams": 4}
    row = sample("TCP_CRR_Throughput_total", 4000.0, "transactions_per_second", metadata=many)
    average = sample("TCP_CRR_Throughput_average", 1000.0, "transactions_per_second", metadata=many)
    imported(as_json(tmp_path, average, row))
    assert figures() == [("TCP_CRR", 4000.0, "trans/s")]
    assert (Run.objects.get().part, Run.objects.get().recipe.streams) == ("partial", 4)


def test_samples_of_other_benchmarks_are_skipped_and_said_so(tmp_path: Path) -> None:
    other = sample("Throughput", 9.0, "Mbits/sec", test="iperf")
    lines = imported(as_json(tmp_path, other, other, *samples()))
    assert [(line["outcome"], line.get("count")) for line in lines] == [
        ("skipped", 2),
        ("stored", None),
    ]


@pytest.mark.parametrize("value", ["NaN", "inf", -1, "12 000", None, [1], 1e300, "=1+1"])
def test_a_value_that_is_no_number_is_no_figure(value: Any, tmp_path: Path) -> None:
    row = sample("TCP_CRR_Transaction_Rate", value, "transactions_per_second")
    [line] = imported(as_json(tmp_path, row))
    assert (line["outcome"], line["code"]) == ("refused", "not_netperf")


def test_hostile_sample_files_are_refused_by_line(tmp_path: Path) -> None:
    rows = samples()
    path = as_json(tmp_path, *rows)
    deep = '{"metric":"a","unit":"b","x":' + "[" * 50_000
    path.write_text(path.read_text() + deep + "\n" + "{" + " " * pkb.LINE_LIMIT_BYTES + "}\n{\n")
    codes = [(line["outcome"], line.get("code")) for line in imported(path)]
    assert codes == [
        ("stored", None),
        ("refused", "too_deep"),
        ("refused", "too_large"),
        ("refused", "not_json"),
    ]
    broken = as_csv(tmp_path, *rows)
    broken.write_text(broken.read_text() + '"' + "x" * 200_000 + "\n")
    assert imported(broken)[-1]["code"] == "bad_csv"


def test_a_first_line_longer_than_the_head_is_still_an_envelope_or_a_sample(tmp_path: Path) -> None:
    row = sample("TCP_CRR_Transaction_Rate", 5.5, "transactions_per_second")
    row["metadata"] = METADATA | {"histogram": "1" * (2 * HEAD_BYTES)}
    imported(as_json(tmp_path, row))
    assert figures() == [("TCP_CRR", 5.5, "trans/s")]
