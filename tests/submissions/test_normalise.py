"""From results to recipes: what must match is read from the command that made each result."""

from dataclasses import replace
from typing import Any

import pytest
from django.db import models

from registry.models import System
from registry.vocabulary.factors import SYSTEM_LENGTHS, is_setting
from submissions.command import Asked, Command, commands_in, read_command
from submissions.decode import Document
from submissions.ingest import _instant
from submissions.normalise import Normalised, NormalisedRun, normalise
from submissions.parsing import parse
from submissions.redact import redacted
from submissions.system import system_of
from tests import reports
from tests.client import test_together as together


def normalised(envelope: dict[str, Any]) -> Normalised:
    return normalise(parse(Document(envelope=envelope)), envelope, imported=False)


def pasted(text: str) -> tuple[NormalisedRun, ...]:
    return normalise(parse(Document(text=text)), None, imported=False).runs


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", Command()),
        ("netperf -t TCP_CRR -l 10", Command()),
        ("netperf -T 0,0 -t TCP_CRR", Command(placement="same_cpu")),
        ("netperf -T1", Command(placement="same_cpu")),
        ("netperf -T 0,1", Command(placement="cross_cpu")),
        ("netperf -T 1,", Command(placement=None)),
        ("netperf -T ,1", Command(placement=None)),
        ("netperf -c -C", Command(timing=frozenset({"cpu"}))),
        ("netperf -cC", Command(timing=frozenset({"cpu"}))),
        ("netperf -D 0.5 -j", Command(timing=frozenset({"demo", "latency"}))),
        ("netperf -i 10,3 -I 99,5", Command(timing=frozenset({"confidence"}))),
        ("netperf -- -D -c out", Command()),
        ("netperf -- -b 16", Command(timing=frozenset({"burst"}))),
        ("netperf -l -10000", Command(is_count_mode=True)),
        ("netperf -- -s 64K -S 128K", Command(socket_options="-s64K -S128K")),
        ("netperf -t 'never closed -c | grep -j", Command(timing=frozenset({"cpu"}))),
        ("netperf -jcC", Command(timing=frozenset({"cpu", "latency"}))),
        ("netperf -b 4 -w 10", Command(timing=frozenset({"burst"}))),
        ("netperf -B -j -c", Command(timing=frozenset({"cpu"}))),
        ("netperf -l10 -l -5", Command(is_count_mode=True)),
        ("netperf -l -5 -l10", Command()),
        ("netperf -T $NEAR,$FAR", Command(placement=None)),
        ("netperf -c 2>&1 | grep -j x; netperf -T 0,1", Command(timing=frozenset({"cpu"}))),
        ("netperf -F 'a|b' -c", Command(timing=frozenset({"cpu"}))),
        ("netperf -- -s64K -r 1,1 -D", Command(socket_options="-s64K")),
    ],
)
def test_options_are_read_as_netperf_reads_them(line: str, expected: Command) -> None:
    assert replace(read_command(line), asked=Asked()) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", Asked()),
        ("netperf -l 10 -l60", Asked(duration_s=60, is_shown=True)),
        ("netperf -l -20000", Asked(transactions=20_000, is_shown=True)),
        ("netperf -l $L -I 99", Asked(is_shown=True)),
        ("netperf -b 4 -I 99,5", Asked(confidence_width_percent=5, is_shown=True)),
        ("netperf -- -b 16", Asked(burst=16, is_shown=True)),
    ],
)
def test_what_a_command_asks_for(line: str, expected: Asked) -> None:
    assert read_command(line).asked == expected


def test_a_command_goes_on_after_a_backslash() -> None:
    (found,) = commands_in(["$ netperf -t TCP_CRR \\", "  -T 0,0"])
    assert found.split() == ["netperf", "-t", "TCP_CRR", "-T", "0,0"]


def test_each_result_has_the_command_above_it() -> None:
    text = (
        f"$ netperf -T 0,0 -t TCP_CRR -l 10\n{reports.text(1000.0)}\n"
        f"$ netperf -t TCP_CRR -l -10000\n{reports.text(2000.0)}"
    )
    first, second = pasted(text)
    assert (first.recipe["placement"], first.recipe["duration_class"]) == ("same_cpu", "normal")
    assert (second.recipe["placement"], second.recipe["duration_class"]) == ("unpinned", "count")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("$ cd netperf; ./netperf -T 0,0", ["netperf -T 0,0"]),
        ("root@host-1:~# netperf-2.7.0 -c", ["netperf-2.7.0 -c"]),
        ("netperf: remote error -1", []),
        ("netperf - a benchmark", []),
    ],
)
def test_only_a_call_of_netperf_is_a_command(line: str, expected: list[str]) -> None:
    assert commands_in([line, "and more"]) == expected


@pytest.mark.parametrize(
    "above",
    ["$ netperf -l 120 -t TCP_CRR\n^C", "$ netperf -p 1 -l 120 &\n$ netperf -p 2 -l 120 &"],
)
def test_a_run_is_not_held_to_a_command_that_did_not_end_it(above: str) -> None:
    """It was ended from the keyboard, or nobody can tell which command it is of."""
    (run,) = pasted(f"{above}\n{reports.text(1000.0)}")
    assert run.sources[0].surroundings.command.asked == Asked(is_shown=True)


def test_what_ends_no_line_for_the_parser_ends_none_here() -> None:
    text = (
        f"$ netperf -T 0,0\n{reports.text(1000.0)}" + "\f" * 30 + f"\n"
        f"$ netperf -T 0,1\r\n{reports.text(2000.0)}"
    )
    assert [run.recipe["placement"] for run in pasted(text)] == ["same_cpu", "cross_cpu"]


@pytest.fixture
def characters_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many characters each search for a command, and each reading of one, was given."""
    seen: list[int] = []

    def searched(lines: Any) -> list[str]:
        seen.extend(len(line) for line in lines)
        return commands_in(lines)

    def read(line: str) -> Command:
        seen.append(len(line))
        return read_command(line)

    monkeypatch.setattr("submissions.recipe.commands_in", searched)
    for module in ("recipe", "normalise"):
        monkeypatch.setattr(f"submissions.{module}.read_command", read)
    return seen


def test_a_text_is_read_once_however_many_results_it_holds(characters_read: list[int]) -> None:
    text = "\n".join(f"$ netperf -t TCP_CRR\n{reports.text(1000.0 + n)}" for n in range(50))
    assert len(pasted(text)) == 50
    assert 0 < sum(characters_read) <= 2 * len(text)


def test_the_command_of_an_envelope_is_read_once(characters_read: list[int]) -> None:
    text = "\n".join(reports.text(1000.0 + number) for number in range(50))
    command = "netperf " + "-c " * 300
    runs = normalised(reports.envelope(reports.run(command=command, outputs=[text]))).runs
    assert len(runs) == 50
    assert {run.recipe["timing_options"] for run in runs} == {"cpu"}
    assert characters_read == [len(command)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("LOCAL_CPU_UTIL=12.5", "cpu"),
        ("REMOTE_CPU_UTIL=12.5", "cpu"),
        ("LOCAL_CPU_UTIL=-1.00", ""),
        ("P99_LATENCY=141", "latency"),
        ("MIN_LATENCY=17", "latency"),
        ("MEAN_LATENCY=62.38", ""),
        ("CONFIDENCE_LEVEL=95", "confidence"),
    ],
)
def test_a_result_gives_away_how_it_was_timed(line: str, expected: str) -> None:
    (run,) = pasted(reports.KEYVAL.format(rate=1000.0, elapsed=10.0) + line + "\n")
    assert run.recipe["timing_options"] == expected


LOOPBACK_NAMES = (
    "localhost localhost4 localhost6 LOCALHOST localhost.localdomain ip6-localhost 127.0.0.2 ::1"
).split()


@pytest.mark.parametrize("far_end", LOOPBACK_NAMES)
def test_a_banner_to_this_host_is_loopback(far_end: str) -> None:
    (run,) = pasted(reports.text().replace("to 127.0.0.1 ()", f"to {far_end} ()"))
    assert run.recipe["topology"] == "loopback"
    (other,) = pasted(reports.text().replace("to 127.0.0.1 ()", "to host-1 ()"))
    assert other.recipe["topology"] is None


def far_ends(**more: Any) -> set[str | None]:
    far = reports.environment(cpu={"model": "AMD EPYC 7B13", "online": 8})
    run = reports.run(remote_environment=far, placement="unpinned", **more)
    return {run.recipe["far_end"] for run in normalised(reports.envelope(run)).runs}


def test_the_far_end_is_part_of_the_recipe_where_there_is_one() -> None:
    assert far_ends(topology="same_lan") == {"kvm, 6.12, 8 CPUs, AMD EPYC 7B13"}
    assert far_ends(topology="loopback") == {None}
    assert far_ends(topology="same_lan", outputs=["no output"]) == set()
    (run,) = normalised(reports.envelope(reports.run(topology="same_lan"))).runs
    assert run.recipe["far_end"] is None


def test_several_results_of_a_partial_or_many_stream_run_are_no_figures() -> None:
    two = [reports.text(1000.0) + reports.text(2000.0)]
    for more in ({"partial": True}, {"streams": 4}):
        runs = normalised(reports.envelope(reports.run(outputs=two, **more))).runs
        assert [run.part for run in runs] == ["partial", "partial"]
    runs = normalised(reports.envelope(reports.run(outputs=two))).runs
    assert [run.part for run in runs] == ["figure", "figure"]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"partial": True}, "partial"),
        ({"partial": True, "warm_up": True}, "warm_up"),
        ({"streams": 2}, "partial"),
        ({"streams": None, "outputs": [reports.text(), "nothing\n"]}, "partial"),
        ({"streams": 1, "outputs": [reports.text(), "nothing\n"]}, "partial"),
        ({"streams": None, "outputs": [reports.text(), reports.text()]}, "figure"),
        # Two outputs ran at the same time, so neither is a figure of one stream.
        ({"streams": None, "outputs": [reports.text(), reports.text() * 2]}, "partial"),
    ],
)
def test_a_figure_has_one_output_and_one_result_a_stream(
    more: dict[str, Any], expected: str
) -> None:
    runs = normalised(reports.envelope(reports.run(**more))).runs
    assert {run.part for run in runs} == {expected}


def test_streams_are_summed_over_the_time_when_all_ran() -> None:
    outputs = [together.output(0, 9000, *[5000] * 5), together.output(0.5, *[6000] * 5, 9000)]
    report = reports.envelope(reports.run(streams=2, outputs=outputs))
    [run] = normalised(report).runs
    assert (run.part, round(run.value)) == ("figure", 11_000)
    assert [each.result.value for each in run.sources] == [1.0, 1.0]  # each its own, as printed


def test_streams_that_hardly_ran_together_are_no_figure() -> None:
    outputs = [together.output(0, 5000, 5000), together.output(0.5, 6000, 6000)]
    found = normalised(reports.envelope(reports.run(streams=2, outputs=outputs)))
    assert [run.part for run in found.runs] == ["partial"]
    assert found.warnings == (
        "runs[0]: its streams ran together for 50 % of their time, not a figure",
    )


def test_runs_of_an_arm_are_arms() -> None:
    two = reports.text(1000.0) + reports.text(2000.0)
    experiment = {"factor": "conntrack", "arms": [{"value": "absent", "runs": [0, 1, 2]}]}
    found = normalised(
        reports.envelope(
            reports.run(),
            reports.run(outputs=[two]),
            reports.run(warm_up=True),
            experiment=experiment,
        )
    )
    assert [run.part for run in found.runs] == ["arm", "arm", "arm", "warm_up"]
    assert found.warnings == ()


def test_streams_that_add_up_to_nonsense_are_a_warning_not_a_run() -> None:
    output = reports.KEYVAL.format(rate=9e14, elapsed=5.0)
    found = normalised(reports.envelope(reports.run(streams=2, outputs=[output, output])))
    assert found.runs == ()
    assert "not a figure" in found.warnings[0]
    # Two results one after the other are two runs, and nothing is added up.
    found = normalised(reports.envelope(reports.run(outputs=[f"{output}\n{output}"])))
    assert [run.value for run in found.runs] == [9e14, 9e14]
    assert found.warnings == ()


@pytest.mark.parametrize("version", ["2.\u00b2", "2", "two.seven", "", "2.99999999999999999999"])
def test_a_version_that_is_none_is_no_generation(version: str) -> None:
    (run,) = normalised(reports.envelope(reports.run(tool_version=version))).runs
    assert run.recipe["netperf_generation"] == "omni"  # from the banner, which says MIGRATED


@pytest.mark.parametrize(
    ("factor", "value", "column", "expected"),
    [
        ("xen.mode", "pvh", "virtualization_mode", "pvh"),
        ("kernel", "6.18.1", "kernel_series", "6.18"),
        ("hypervisor", "KVM", "virtualization", "kvm"),
        ("clocksource", "tsc", "clocksource", "tsc"),
    ],
)
def test_an_arm_overlays_its_column(factor: str, value: str, column: str, expected: str) -> None:
    assert system_of(reports.environment(), (factor, value))[column] == expected


def test_an_arm_of_a_setting_overlays_it_and_an_unknown_value_nothing() -> None:
    environment = reports.environment()
    assert system_of(environment, ("conntrack", "active"))["settings"]["conntrack"] == "active"
    assert system_of(environment, ("conntrack", None)) == system_of(environment, None)


@pytest.mark.parametrize("factor", ["cpus", "x" * 128, "firewall_rules", "kernel.random.uuid"])
def test_a_factor_that_the_vocabulary_does_not_know_makes_no_system(factor: str) -> None:
    experiment = {"factor": factor, "arms": [{"value": "many", "runs": [0]}]}
    found = normalised(reports.envelope(reports.run(), reports.run(), experiment=experiment))
    assert found.runs[0].system == found.runs[1].system
    assert [run.part for run in found.runs] == ["arm", "figure"]
    assert "experiment.factor" in found.warnings[0]


def test_only_settings_part_one_system_from_another() -> None:
    tuning = {"net.core.somaxconn": 1024, "conntrack": "absent", "firewall_rules": 7, "x": 1}
    tuning |= {"net.netfilter.nf_conntrack_count": 9, "net.ipv4.tcp_syncookies": None}
    system = system_of(reports.environment(tuning=tuning), None)
    assert system["settings"] == {"net.core.somaxconn": 1024, "conntrack": "absent"}
    assert is_setting("net.ipv4.tcp_syncookies")
    assert not is_setting("net.ipv4.TCP\n")


def test_a_whole_number_is_one_however_it_is_written() -> None:
    one, other = reports.envelope(), reports.envelope()
    other["runs"][0]["streams"] = 1.0
    other["environment"]["cpu"]["online"] = 2.0
    other["environment"]["tuning"]["net.core.somaxconn"] = 4096.0
    assert redacted(Document(envelope=one)) == redacted(Document(envelope=other))
    clean = redacted(Document(envelope=other)).envelope or {}
    assert isinstance(clean["runs"][0]["streams"], int)
    assert isinstance(clean["environment"]["tuning"]["net.core.somaxconn"], int)


def test_the_vocabulary_knows_the_length_of_every_column() -> None:
    texts = {
        column.name: column.max_length
        for column in System._meta.fields
        if isinstance(column, models.CharField) and column.name != "digest"
    }
    assert texts == SYSTEM_LENGTHS


@pytest.mark.parametrize("factor", ["xen.mode", "kernel", "hypervisor", "clocksource"])
def test_no_text_is_longer_than_its_column(factor: str) -> None:
    os = {"id": "a" * 64, "version_id": "b" * 64}
    # The lower case of this letter is two characters.
    environment = {"os": os, "virtualization": {"type": "\u0130" * 64}}
    for arm in (None, (factor, "v" * 128)):
        system = system_of(environment, arm)
        for column, length in SYSTEM_LENGTHS.items():
            assert len(system[column] or "") <= length
    assert len(system_of(environment, None)["os"]) == 128


@pytest.mark.parametrize("started_at", ["0001-01-01T00:00:00+14:00", "2026-13-40", "", "soon"])
def test_a_start_that_is_no_instant_is_unknown(started_at: str) -> None:
    (run,) = normalised(reports.envelope(reports.run(started_at=started_at))).runs
    assert _instant(run) is None
