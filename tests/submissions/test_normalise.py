"""From results to recipes: what must match is read from the command that made each result."""

from typing import Any

import pytest

from registry.vocabulary.factors import is_setting
from submissions.command import Command, last_command, read_command
from submissions.decode import Document
from submissions.normalise import Normalised, NormalisedRun, normalise, system_of
from submissions.parsing import parse
from submissions.redact import redacted
from tests import reports


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
        ("netperf -t 'never closed -c", Command(timing=frozenset({"cpu"}))),
    ],
)
def test_options_are_read_as_netperf_reads_them(line: str, expected: Command) -> None:
    assert read_command(line) == expected


def test_a_command_goes_on_after_a_backslash() -> None:
    assert last_command(["$ netperf -t TCP_CRR \\", "  -T 0,0"]).split() == [
        *["netperf", "-t", "TCP_CRR", "-T", "0,0"]
    ]


def test_each_result_has_the_command_above_it() -> None:
    text = (
        f"$ netperf -T 0,0 -t TCP_CRR -l 10\n{reports.text(1000.0)}\n"
        f"$ netperf -t TCP_CRR -l -10000\n{reports.text(2000.0)}"
    )
    first, second = pasted(text)
    assert (first.recipe["placement"], first.recipe["duration_class"]) == ("same_cpu", "normal")
    assert (second.recipe["placement"], second.recipe["duration_class"]) == ("unpinned", "count")


def test_a_text_is_read_once_however_many_results_it_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[int] = []

    def counted(lines: Any) -> str:
        seen.append(len(lines))
        return last_command(lines)

    monkeypatch.setattr("submissions.normalise.last_command", counted)
    text = "\n".join(reports.text(1000.0 + number) for number in range(50))
    assert len(pasted(text)) == 50
    assert sum(seen) <= len(text.splitlines())


@pytest.mark.parametrize("far_end", ["localhost", "localhost4", "localhost6", "127.0.0.2"])
def test_a_banner_to_this_host_is_loopback(far_end: str) -> None:
    (run,) = pasted(reports.text().replace("to 127.0.0.1 ()", f"to {far_end} ()"))
    assert run.recipe["topology"] == "loopback"
    (other,) = pasted(reports.text().replace("to 127.0.0.1 ()", "to host-1 ()"))
    assert other.recipe["topology"] is None


def test_several_results_of_a_partial_or_many_stream_run_are_no_figures() -> None:
    two = [reports.text(1000.0) + reports.text(2000.0)]
    for more in ({"partial": True}, {"streams": 4}):
        runs = normalised(reports.envelope(reports.run(outputs=two, **more))).runs
        assert [run.part for run in runs] == ["partial", "partial"]
    runs = normalised(reports.envelope(reports.run(outputs=two))).runs
    assert [run.part for run in runs] == ["figure", "figure"]


def test_streams_that_add_up_to_nonsense_are_a_warning_not_a_run() -> None:
    output = reports.KEYVAL.format(rate=9e14, elapsed=5.0)
    found = normalised(reports.envelope(reports.run(streams=2, outputs=[output, output])))
    assert found.runs == ()
    assert "not a figure" in found.warnings[0]


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


def test_an_arm_of_any_other_name_is_a_setting() -> None:
    system = system_of(reports.environment(), ("cpus", "many"))
    assert system["cpus"] == 2
    assert system["settings"]["cpus"] == "many"


def test_only_settings_part_one_system_from_another() -> None:
    tuning = {"net.core.somaxconn": 1024, "conntrack": "absent", "firewall_rules": 7, "x": 1}
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


def test_long_names_are_cut_to_their_column() -> None:
    system = system_of({"os": {"id": "a" * 64, "version_id": "b" * 64}}, None)
    assert len(system["os"]) == 128
