"""Rules that need the registry, and what each mode does to a report that breaks a rule."""

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from registry.evidence.outliers import ratio_to_peers
from registry.models import Cell, RawReport, Reading
from registry.models.summary import summarise
from submissions.dump.export import export
from submissions.plausibility import configure
from submissions.withdrawal import edit
from tests import reports

URL = "/api/v1/reports/"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def own_modes() -> Iterator[None]:
    yield
    configure({})


def send(client: Client, *rates: float, status: int = 201, **more: Any) -> Any:
    runs = [reports.run(rate) for rate in rates] or [reports.run(400_000)]
    body = reports.as_bytes(reports.envelope(*runs, **more))
    answer = client.post(URL, body, content_type="application/json")
    assert answer.status_code == status, answer.content
    return answer.json()


def rules(answer: dict[str, Any]) -> list[str]:
    return [flag["rule"] for flag in answer["flags"]]


@pytest.mark.django_db
def test_a_flag_is_shown_with_its_reason_and_the_report_counts(client: Client) -> None:
    sent = send(client)
    assert (sent["status"], rules(sent)) == ("published", ["impossible_rate"])
    message = sent["flags"][0]["message"]
    assert client.get(f"{URL}{sent['id']}/").json()["flags"] == sent["flags"]
    page = client.get(f"/r/{sent['id']}").content.decode()
    assert message in page
    assert "flagged" in client.get("/reports/").content.decode()
    summarise()
    assert Cell.objects.count() == 1


@pytest.mark.django_db
def test_a_held_report_is_shown_with_its_reason_and_does_not_count(client: Client) -> None:
    configure({"impossible_rate": "hold"})
    sent = send(client)
    assert sent["status"] == "held"
    shown = client.get(f"{URL}{sent['id']}/").json()
    assert shown["status_reason"].startswith("runs[0]: 400,000 trans/s")
    assert shown["events"][-1]["kind"] == "held"
    assert shown["events"][-1]["actor"] == "rule:impossible_rate"
    assert "impossible_rate" in client.get(f"/r/{sent['id']}").content.decode()
    summarise()
    assert Cell.objects.count() == 0


@pytest.mark.django_db
def test_a_refused_report_names_the_rule_and_leaves_nothing(client: Client) -> None:
    configure({"impossible_rate": "refuse"})
    error = send(client, status=422)["error"]
    assert error["code"] == "implausible"
    assert error["details"][0]["path"] == "impossible_rate"
    assert error["details"][0]["message"].startswith("runs[0]: 400,000 trans/s")
    assert RawReport.objects.count() == 0
    assert rules(send(client, 20_000)) == []


@pytest.mark.django_db
def test_the_same_figures_in_another_report_are_named(client: Client) -> None:
    rates = (23_456.78, 23_012.34, 24_567.89)
    first = send(client, *rates)
    assert rules(first) == []
    copied = send(client, *reversed(rates), environment=reports.environment(memory_bytes=1))
    assert rules(copied) == ["same_figures"]
    assert f"report {first['id']} " in copied["flags"][0]["message"]
    ten_times = send(client, *(rate * 10 for rate in rates), machine_id="1" * 32)
    assert "same_figures" in rules(ten_times)
    assert rules(send(client, *rates[:2], 24_567.88)) == []


def shown_of(client: Client, copied: dict[str, Any]) -> str:
    """Everything that strangers get to read of a report, and its dump."""
    address = copied["id"]
    with tempfile.TemporaryDirectory() as folder:
        export(Path(folder))
        parts = [path.read_text() for path in Path(folder).glob("reports-*")]
    return "".join(
        [client.get(path).content.decode() for path in (f"{URL}{address}/", f"/r/{address}")]
        + [line for part in parts for line in part.splitlines() if f'"id":"{address}"' in line]
    )


@pytest.mark.django_db
@pytest.mark.parametrize("change", ["unlisted", "held", "rejected", "withdrawn"])
def test_a_report_that_is_not_listed_is_named_to_moderators_alone(
    client: Client, admin_client: Client, change: str
) -> None:
    """Also where it was listed when the other came, and where the rule held that one."""
    configure({"same_figures": "hold"})
    rates = (23_456.78, 23_012.34, 24_567.89)
    first = send(client, *rates)
    copied = send(client, *rates, notes="again")
    assert copied["status"] == "held"
    assert f"report {first['id']} " in shown_of(client, copied)
    copy = RawReport.objects.get(public_id=copied["id"])
    copy.move_to(RawReport.Status.PUBLISHED, "moderator:jane", "the same host, twice")

    twin = RawReport.objects.get(public_id=first["id"])
    if change == "unlisted":
        edit(twin, {"visibility": "unlisted"})
    else:
        twin.move_to(RawReport.Status(change), "moderator:jane", "odd")
    shown = shown_of(client, copied)
    assert first["id"] not in shown
    assert shown.count("another report has the same figures to the last digit") > 2
    page = admin_client.get(f"/admin/registry/rawreport/{copy.pk}/change/").content.decode()
    assert f"report {first['id']} has the same figures" in page


@pytest.mark.django_db
def test_the_answer_to_a_copy_names_no_unlisted_report(client: Client) -> None:
    configure({"same_figures": "hold"})
    rates = (23_456.78, 23_012.34, 24_567.89)
    first = send(client, *rates, visibility="unlisted")
    answer = send(client, *rates, notes="again")
    assert rules(answer) == ["same_figures"]
    assert answer["flags"][0]["message"].startswith("another report has the same figures")
    assert answer["status_reason"].startswith("another report has the same figures")
    assert first["id"] not in str(answer)


@pytest.mark.django_db
def test_figures_of_few_digits_agree_by_chance(client: Client) -> None:
    for rates in ((23_000, 24_000), (23_456.78,), (23_400, 24_100, 23_900)):
        assert rules(send(client, *rates, notes="one")) == []
        assert rules(send(client, *rates, notes="other")) == []
        assert not Reading.objects.exclude(fingerprint="").exists()


@pytest.mark.django_db
def test_reading_a_report_again_does_not_flag_it_as_its_own_copy(client: Client) -> None:
    from submissions.ingest import judge, write_readings
    from submissions.read import read

    send(client, 23_456.78, 23_012.34, 24_567.89)
    report = RawReport.objects.get()
    content = read(bytes(report.body or b""), report.format, False)
    (again,) = write_readings(judge([(report, content)]))
    assert again.reading.flags == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("started", "flagged"),
    [
        (timedelta(hours=25), ["client_clock"]),
        (timedelta(hours=23), []),
        (-timedelta(days=400), []),  # a saved report may be sent late
        (-timedelta(days=365 * 40), ["client_clock"]),
    ],
)
def test_a_clock_that_is_wrong_is_told(
    client: Client, started: timedelta, flagged: list[str]
) -> None:
    instant = (timezone.now() + started).isoformat()
    run = reports.run(started_at=instant, ended_at=None)
    body = reports.as_bytes(reports.envelope(run))
    sent = client.post(URL, body, content_type="application/json").json()
    assert rules(sent) == flagged


def fill(client: Client, n: int, chance: random.Random) -> None:
    """A group of `n` machines of one kind, whose rates spread by 15 %."""
    for number in range(n):
        rate = 12_000 * chance.lognormvariate(0, 0.15)
        send(client, round(rate, 2), round(rate * 1.02, 2), machine_id=f"{number:032x}")
    while summarise():
        pass


@pytest.mark.django_db
def test_a_machine_far_from_ten_others_of_its_kind_is_told(client: Client) -> None:
    fill(client, 10, random.Random(1))
    other = f"{99:032x}"
    assert rules(send(client, 14_000, machine_id=other)) == []
    far = send(client, 120_000, machine_id=other)
    assert rules(far) == ["unlike_peers"]
    assert "times the mean of 10 other machines" in far["flags"][0]["message"]
    assert "a decimal point?" in far["flags"][0]["message"]
    per_minute = send(client, 200.0, machine_id=other)
    assert "per minute for per second?" in per_minute["flags"][0]["message"]
    another_cpu = reports.environment(cpu={"model": "Other CPU", "online": 2})
    assert rules(send(client, 120_001, machine_id=other, environment=another_cpu)) == []


@pytest.mark.django_db
def test_nine_machines_are_too_few(client: Client) -> None:
    fill(client, 9, random.Random(2))
    assert rules(send(client, 120_000, machine_id=f"{99:032x}")) == []


@pytest.mark.django_db
def test_ones_own_reports_are_no_peers(client: Client) -> None:
    fill(client, 10, random.Random(3))
    assert rules(send(client, 120_000, machine_id=f"{5:032x}")) == []


def test_slips_among_peers_are_found_and_honest_ones_left_alone() -> None:
    """T40: x10 and ÷10 found in 99 % of groups of 10 and more, honest hosts flagged in 0.5 % or
    less, with one peer in a hundred wild itself.
    """
    chance = random.Random(40)
    honest = found = 0
    trials = 3_000
    for trial in range(trials):
        sd = chance.uniform(0.03, 0.25)
        peers = [chance.gauss(9.5, sd) for _ in range(chance.randint(10, 40))]
        if trial % 4 == 0:
            peers[0] += chance.choice((2.303, -2.303))
        new = chance.gauss(9.5, sd)
        honest += ratio_to_peers(new, peers) is not None
        found += ratio_to_peers(new + chance.choice((2.303, -2.303)), peers) is not None
    assert honest / trials <= 0.005
    assert found / trials >= 0.99


@pytest.mark.parametrize(
    ("modes", "says"),
    [
        ("impossible_rate=drop", "name=mode with one of log, flag, hold, refuse"),
        ("impossible_rate", "name=mode"),
        ("no_such_rule=hold", "names of rules, as docs/plausibility.md lists them"),
        ("same_figures=refuse", "same_figures=hold at most"),
        ("=hold", "name=mode"),
    ],
)
def test_a_mode_that_cannot_be_set_stops_the_start_with_one_line(modes: str, says: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "parse_report", "/dev/null"],
        cwd=ROOT,
        env={**os.environ, "PLAUSIBILITY_MODES": modes},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("setting PLAUSIBILITY_MODES=")
    assert says in done.stderr


def test_modes_from_the_environment_are_set_at_the_start() -> None:
    program = (
        "import json, django; django.setup()\n"
        "from submissions import plausibility\n"
        "print(json.dumps(plausibility._modes))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PLAUSIBILITY_MODES": " cpu_percent=hold, client_clock=log,"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {"cpu_percent": "hold", "client_clock": "log"}
