"""Every rule that looks at one report alone: what trips it, and the near miss that does not."""

import logging
import random
from typing import Any

import pytest

from submissions.decode import Document
from submissions.normalise import normalise
from submissions.parsing import parse
from submissions.plausibility import MESSAGES_SHOWN, RULES, check, configure
from submissions.read import read_document
from tests import reports
from tests.steps import steps

OMNI = reports.KEYVAL.format(rate=20_000, elapsed=10)
RR_BANNER = (
    "MIGRATED TCP REQUEST/RESPONSE TEST from 0.0.0.0 (0.0.0.0) port 0 AF_INET"
    " to 127.0.0.1 () port 0 AF_INET : demo : first burst 0\n"
)
STREAM = """\
MIGRATED TCP STREAM TEST from 0.0.0.0 (0.0.0.0) port 0 AF_INET to 127.0.0.1 () port 0 AF_INET
Recv   Send    Send
Socket Socket  Message  Elapsed
Size   Size    Size     Time     Throughput
bytes  bytes   bytes    secs.    10^6bits/sec

131072  16384  16384    {elapsed:.2f}    {rate:.2f}
"""
UDP = """\
MIGRATED UDP STREAM TEST from 0.0.0.0 (0.0.0.0) port 0 AF_INET to 127.0.0.1 () port 0 AF_INET
Socket  Message  Elapsed      Messages
Size    Size     Time         Okay Errors   Throughput
bytes   bytes    secs            #      #   10^6bits/sec

212992   65507   10.00      132471      0    {sent:.2f}
212992           10.00      121816           {received:.2f}
"""


@pytest.fixture(autouse=True)
def own_modes() -> Any:
    yield
    configure({})


def keyval(rate: float = 20_000, **more: Any) -> str:
    """What `-k` prints, with more selectors."""
    return reports.KEYVAL.format(rate=rate, elapsed=10) + "".join(
        f"{name.upper()}={value}\n" for name, value in more.items()
    )


def request_response(rate: float, **more: Any) -> str:
    text = keyval(rate, **more).replace("DIRECTION=Connect|Send|Recv", "DIRECTION=Send|Recv")
    return RR_BANNER + text.partition("\n")[2]


def large(request_bytes: int) -> str:
    return keyval().replace("REQUEST_SIZE=1", f"REQUEST_SIZE={request_bytes}")


def classic(rate: float, elapsed: float = 10.0) -> str:
    return reports.text(rate, elapsed).replace("MIGRATED ", "")


def run(*outputs: str, **more: Any) -> dict[str, Any]:
    """A run that says nothing beside its outputs but what is given."""
    unsaid = {"command": None, "started_at": None, "ended_at": None, "telemetry": None}
    return reports.run(**{**unsaid, "outputs": list(outputs), "streams": len(outputs), **more})


def cpus(*busy: float) -> dict[str, Any]:
    return {"cpu": [{"cpu": number, "busy_percent": each} for number, each in enumerate(busy)]}


def flags(*runs: dict[str, Any], **more: Any) -> list[dict[str, str]]:
    return read_document(Document(envelope=reports.envelope(*runs, **more))).flags


def rules(*runs: dict[str, Any], **more: Any) -> set[str]:
    return {flag["rule"] for flag in flags(*runs, **more)}


def of_text(text: str) -> set[str]:
    return {flag["rule"] for flag in read_document(Document(text=text)).flags}


def on_cpus(online: int, threads: int | None = None) -> dict[str, Any]:
    return reports.environment(cpu={"model": "Test CPU 3000", "online": online, "threads": threads})


def timed(output: str, started: str, ended: str, **more: Any) -> dict[str, Any]:
    day = "2026-11-22T"
    return run(output, started_at=f"{day}{started}Z", ended_at=f"{day}{ended}Z", **more)


FREE = {"placement": "unpinned"}
LAN = {"topology": "same_lan", "placement": "unpinned"}
TRIPPED: list[tuple[str, Any]] = [
    ("impossible_rate", lambda: rules(run(keyval(150_001)))),
    ("impossible_rate", lambda: rules(run(keyval(250_001), **LAN))),
    ("impossible_rate", lambda: rules(run(keyval(40_000), telemetry=cpus(20.0, 0.0)))),
    ("impossible_rate", lambda: rules(run(request_response(2_000_001)))),
    ("impossible_rate", lambda: of_text(STREAM.format(elapsed=10, rate=2_000_001))),
    ("payload_rate", lambda: of_text(large(16_000_000))),
    ("latency_and_rate", lambda: of_text(keyval(20_000, mean_latency=0.05))),  # ms as us
    ("latency_and_rate", lambda: of_text(keyval(200_000, mean_latency=49.9))),
    (
        "latency_and_rate",
        lambda: rules(run(request_response(80_000, mean_latency=50), command="netperf -t TCP_RR")),
    ),
    ("latency_order", lambda: of_text(keyval(p50_latency=70, p99_latency=50))),
    (
        "round_trip",
        lambda: rules(run(keyval(700), telemetry={"connect_times_us": [1000.0] * 10}, **LAN)),
    ),
    (
        "round_trip",
        lambda: rules(run(keyval(20_000), telemetry={"connect_times_us": [40.0] * 1000})),
    ),
    ("cpu_percent", lambda: of_text(keyval(local_cpu_util=101.5))),
    ("service_demand", lambda: of_text(keyval(local_cpu_util=40.0, local_sd=4.0))),
    ("service_demand", lambda: of_text(keyval(local_cpu_util=40.0, local_sd=52.0))),
    (
        "service_demand",
        lambda: rules(
            run(keyval(local_cpu_util=40.0, local_sd=400.0)), environment=on_cpus(2, threads=2)
        ),
    ),
    ("elapsed_time", lambda: rules(run(keyval(), command="netperf -t TCP_CRR -l 60"))),
    ("elapsed_time", lambda: of_text("$ netperf -t TCP_CRR -l 5\n" + classic(9_000, 10))),
    ("transaction_count", lambda: rules(run(keyval(), command="netperf -t TCP_CRR -l -20000"))),
    ("wall_clock", lambda: rules(timed(keyval(), "10:00:00", "10:00:05"))),
    ("wall_clock", lambda: rules(timed(keyval(), "10:00:00", "10:02:41"))),
    (
        "time_wait",
        lambda: rules(run(classic(6_100), tool_version="2.4.5", **LAN)),
    ),
    ("streams_and_outputs", lambda: rules(run(keyval(), streams=2))),
    ("placement", lambda: rules(run(keyval(), telemetry=cpus(99.0, 61.0)))),
    (
        "placement",
        lambda: rules(run(keyval(), telemetry=cpus(99.0, 4.0), placement="cross_cpu")),
    ),
    (
        "connection_count",
        lambda: rules(run(keyval(), telemetry={"netstat": {"ActiveOpens": 20_000}})),
    ),
    ("tool_version", lambda: rules(run(keyval(), tool_version="2.4.5"))),
    ("received_and_sent", lambda: of_text(UDP.format(sent=900, received=961))),
    (
        "confidence_width",
        lambda: rules(
            run(
                keyval(confidence_level=99, throughput_confid=7.5),
                command="netperf -t TCP_CRR -i 10,3 -I 99,5",
            )
        ),
    ),
    ("duplicated_runs", lambda: of_text(classic(23_456.78) * 3)),
    (
        "unlike_its_repeats",
        lambda: rules(*(run(keyval(r)) for r in (2_000, 20_100, 19_800, 20_400, 20_050))),
    ),
    (
        "faster_than_request_response",
        lambda: rules(run(keyval(11_000), **LAN), run(request_response(10_000), **LAN)),
    ),
    (
        "faster_than_request_response",
        lambda: rules(
            timed(keyval(11_000), "10:00:00", "10:00:14"),
            timed(request_response(10_000), "10:00:30", "10:00:41"),
        ),
    ),
]
NEAR_MISSES: list[tuple[str, Any]] = [
    ("impossible_rate", lambda: rules(run(keyval(149_999)))),
    ("impossible_rate", lambda: rules(run(keyval(249_999), **LAN))),
    ("impossible_rate", lambda: rules(run(keyval(40_000), telemetry=cpus(30.0, 0.0)))),
    ("impossible_rate", lambda: rules(run(keyval(150_000), keyval(150_000), **LAN))),
    ("impossible_rate", lambda: rules(run(request_response(1_999_999)))),
    ("impossible_rate", lambda: of_text(STREAM.format(elapsed=10, rate=1_999_999))),
    ("payload_rate", lambda: of_text(large(1_000_000))),
    ("latency_and_rate", lambda: of_text(keyval(20_000, mean_latency=49.9))),
    ("latency_and_rate", lambda: of_text(keyval(20_000, mean_latency=30))),
    (
        "latency_and_rate",
        lambda: rules(
            run(
                request_response(80_000, mean_latency=50),
                command="netperf -t TCP_RR -- -b 3",
            )
        ),
    ),
    # A text without its command may have had a burst.
    ("latency_and_rate", lambda: of_text(request_response(80_000, mean_latency=50))),
    ("latency_order", lambda: of_text(keyval(p50_latency=50, p99_latency=49))),
    (
        "round_trip",
        lambda: rules(run(keyval(600), telemetry={"connect_times_us": [1000.0] * 10}, **LAN)),
    ),
    (  # measuring.md 9: not on loopback with few samples, nor across CPUs
        "round_trip",
        lambda: rules(run(keyval(20_000), telemetry={"connect_times_us": [40.0] * 999})),
    ),
    (
        "round_trip",
        lambda: rules(run(keyval(20_000), telemetry={"connect_times_us": [40.0] * 1000}, **FREE)),
    ),
    ("cpu_percent", lambda: of_text(keyval(local_cpu_util=100.4))),
    ("service_demand", lambda: of_text(keyval(local_cpu_util=40.0, local_sd=40.0))),
    (
        "service_demand",
        lambda: rules(
            run(keyval(local_cpu_util=40.0, local_sd=40.0)), environment=on_cpus(2, threads=2)
        ),
    ),
    (  # a quota leaves fewer CPUs usable than netperf counts
        "service_demand",
        lambda: rules(run(keyval(local_cpu_util=40.0, local_sd=160.0)), environment=on_cpus(2)),
    ),
    ("service_demand", lambda: of_text(keyval(20, local_cpu_util=0.08, local_sd=75.0))),
    ("elapsed_time", lambda: rules(run(keyval(), command="netperf -t TCP_CRR -l 12"))),
    ("elapsed_time", lambda: rules(run(keyval(), command="netperf -t TCP_CRR -l -200000"))),
    ("elapsed_time", lambda: rules(run(keyval(), command="netperf -t TCP_CRR -l 60 -i 3"))),
    (
        "elapsed_time",
        lambda: rules(run(keyval(), command="netperf -t TCP_CRR -l 60", partial=True)),
    ),
    (
        "elapsed_time",  # a slow path drains its buffers
        lambda: of_text("$ netperf -t TCP_STREAM -l 5\n" + STREAM.format(elapsed=9, rate=1)),
    ),
    ("transaction_count", lambda: rules(run(keyval(), command="netperf -t TCP_CRR -l -200000"))),
    ("wall_clock", lambda: rules(timed(keyval(), "10:00:00", "10:00:09"))),
    ("wall_clock", lambda: rules(timed(keyval(), "10:00:00", "10:02:40"))),
    (
        "wall_clock",
        lambda: rules(timed(keyval(), "10:00:00", "10:09:00", command="netperf -i 30,3 -l 10")),
    ),
    ("time_wait", lambda: rules(run(classic(6_000), tool_version="2.4.5", **LAN))),
    ("time_wait", lambda: rules(run(classic(20_000), tool_version="2.4.5"))),  # on loopback
    ("time_wait", lambda: rules(run(keyval(20_000), tool_version="2.7.0", **LAN))),
    ("streams_and_outputs", lambda: rules(run(keyval(), streams=2, partial=True))),
    ("placement", lambda: rules(run(keyval(), telemetry=cpus(99.0, 30.0, 25.0)))),
    (
        "placement",
        lambda: rules(run(keyval(), telemetry=cpus(60.0, 40.0), placement="cross_cpu")),
    ),
    ("placement", lambda: rules(run(keyval(), telemetry=cpus(99.0, 99.0), **FREE))),
    (
        "connection_count",
        lambda: rules(run(keyval(), telemetry={"netstat": {"ActiveOpens": 200_007}})),
    ),
    ("tool_version", lambda: rules(run(classic(20_000), tool_version="2.4.5"))),
    ("received_and_sent", lambda: of_text(UDP.format(sent=961, received=961))),
    ("received_and_sent", lambda: of_text(UDP.format(sent=961, received=0))),
    (
        "confidence_width",
        lambda: rules(
            run(
                keyval(confidence_level=99, throughput_confid=4.9),
                command="netperf -t TCP_CRR -i 10,3 -I 99,5",
            )
        ),
    ),
    ("confidence_width", lambda: of_text(keyval(confidence_level=99, throughput_confid=7.5))),
    ("duplicated_runs", lambda: of_text(classic(23_456.78) * 2)),
    ("duplicated_runs", lambda: of_text(classic(23_400) * 3)),  # three digits repeat by chance
    ("duplicated_runs", lambda: of_text(STREAM.format(elapsed=10, rate=941.49) * 3)),
    (
        "unlike_its_repeats",
        lambda: rules(*(run(keyval(r)) for r in (6_000, 20_100, 19_800, 20_400, 20_050))),
    ),
    (
        "unlike_its_repeats",  # repeats that disagree anyway say nothing
        lambda: rules(*(run(keyval(r), **FREE) for r in (2_000, 20_100, 9_000, 30_400, 20_050))),
    ),
    (
        "unlike_its_repeats",
        lambda: of_text("".join(map(classic, (2_000, 20_100, 19_800, 20_400, 20_050)))),
    ),
    (
        "faster_than_request_response",
        lambda: rules(run(keyval(10_400), **LAN), run(request_response(10_000), **LAN)),
    ),
    (  # measuring.md 9: wake-ups on loopback are bistable
        "faster_than_request_response",
        lambda: rules(run(keyval(11_000), **FREE), run(request_response(10_000), **FREE)),
    ),
    (
        "faster_than_request_response",
        lambda: rules(
            timed(keyval(11_000), "10:00:00", "10:00:14"),
            timed(request_response(10_000), "10:02:00", "10:02:11"),
        ),
    ),
]


@pytest.mark.parametrize(("rule", "found"), TRIPPED)
def test_what_trips_a_rule_trips_it_alone(rule: str, found: Any) -> None:
    assert found() == {rule}


@pytest.mark.parametrize(("rule", "found"), NEAR_MISSES)
def test_a_near_miss_trips_nothing(rule: str, found: Any) -> None:
    assert found() == set()


def test_every_rule_has_both() -> None:
    names = {rule.name for rule in RULES}
    assert {name for name, _ in TRIPPED} == names
    assert {name for name, _ in NEAR_MISSES} == names


@pytest.mark.parametrize(("rule", "found"), TRIPPED[:1])
def test_a_rule_says_what_is_wrong_where_and_what_to_do(rule: str, found: Any) -> None:
    (flag,) = flags(run(keyval()), run(keyval(20_000), keyval(600_000)))
    assert flag == {
        "rule": rule,
        "mode": "flag",
        "message": "runs[1]: 620,000 trans/s of TCP_CRR is more than 300,000, which no host is "
        "known to reach on 2 busy CPUs: check the unit and the decimal point of the text that was "
        "sent",
    }


def test_places_are_lines_in_raw_text_and_outputs_in_an_envelope() -> None:
    text = "\n" * 6 + keyval(local_cpu_util=200)
    (flag,) = read_document(Document(text=text)).flags
    assert flag["message"].startswith("line 8: local CPU of 200.00 %")
    (flag,) = flags(run(keyval()), run(keyval(), text))
    assert flag["message"].startswith("runs[1].outputs[1] line 8: ")


def test_a_thousand_wrong_runs_are_told_in_few_lines() -> None:
    found = flags(*(run(keyval(200_000 + number)) for number in range(1_000)))
    assert len(found) == MESSAGES_SHOWN + 1
    assert found[-1]["message"] == "and 990 more like these"


def test_the_work_grows_as_the_report_does() -> None:
    """Counted in lines of the rules that are run, not in time."""
    small, large = (_steps(number) for number in (100, 1_000))
    assert large < small * 15


def _steps(number: int) -> int:
    runs = [run(keyval(20_000 + n)) for n in range(number)]
    runs += [run(request_response(40_000 + n)) for n in range(number)]
    envelope = reports.envelope(*runs)
    parsed = parse(Document(envelope=envelope))
    normalised = normalise(parsed, envelope, imported=False)
    return steps(lambda: check(parsed, normalised, envelope))


def test_another_mode_is_said_with_the_flag() -> None:
    configure({"cpu_percent": "hold"})
    assert [flag["mode"] for flag in flags(run(keyval(local_cpu_util=200)))] == ["hold"]


def test_a_rule_that_only_logs_flags_nothing(caplog: pytest.LogCaptureFixture) -> None:
    configure({"cpu_percent": "log"})
    with caplog.at_level(logging.INFO):
        assert flags(run(keyval(local_cpu_util=200))) == []
    assert "plausibility rule cpu_percent: runs[0].outputs[0] line 2: local CPU" in caplog.text


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "x\0"])
def test_times_from_strangers_break_no_rule(text: str) -> None:
    odd = run(keyval(11_000), started_at=text, ended_at=text)
    other = run(request_response(10_000), started_at="2026-11-22T10:00:00Z", ended_at=text)
    assert rules(odd, other) <= {"wall_clock", "faster_than_request_response"}


def test_slips_of_one_run_among_honest_ones_are_found() -> None:
    """T40 in small, as far as one report shows it: each slip in one of six repeats of the plan."""
    chance = random.Random(40)
    slips = (10, 1 / 10, 60, 1 / 60, 1_000, 1 / 1_000)
    found = dict.fromkeys(slips, 0)
    n_false = 0
    for _ in range(50):
        level = chance.uniform(8_000, 30_000)
        rates = [level * chance.lognormvariate(0, 0.06) for _ in range(6)]
        n_false += bool(rules(*(run(keyval(rate)) for rate in rates)))
        for slip in slips:
            wrong = [rates[0] * slip, *rates[1:]]
            found[slip] += "unlike_its_repeats" in rules(*(run(keyval(rate)) for rate in wrong))
    assert n_false == 0
    assert found == dict.fromkeys(slips, 50)
