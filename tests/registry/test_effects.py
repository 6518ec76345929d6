"""Does it help: experiments, matched pairs and associations, apart from each other."""

import math
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.signals import post_init
from django.test import Client
from django.utils import timezone

from crr_submit.factors import FACTORS
from registry import effects, kept, tasks
from registry.evidence import tweaks
from registry.evidence.ratio import log_welch
from registry.evidence.tweaks import EXPERIMENT, MATCHED, Contrast, HostEffect
from registry.kept import Dated
from registry.models import Findings, Generation, Recipe, System
from registry.models.summary import summarise
from registry.vocabulary.factors import TUNABLE, is_setting
from tests import reports
from tests.cells import cell, new_machine

API = "/api/v1/effects/"
NUMBERS = iter(range(1, 10_000))
LOAD = ("TCP_CRR", "loopback", 1, "same_cpu")
RPS = Contrast("rps.lo", "0", "3", *LOAD)


def hosts(contrast: Contrast, *ratios: float, **more: Any) -> list[HostEffect]:
    return [
        HostEffect(contrast, f"m{number}", number, math.log(ratio), **more)
        for number, ratio in enumerate(ratios, 1)
    ]


def words(kind: str, *effects: HostEffect) -> list[str]:
    return [row.verdict for row in tweaks.rows(kind, effects)]


def post(client: Client, report: dict[str, Any], number: int) -> None:
    answer = client.post(
        "/api/v1/reports/",
        reports.as_bytes(report),
        content_type="application/json",
        REMOTE_ADDR=f"10.{number >> 8}.{number & 255}.1",
    )
    assert answer.status_code == 201, answer.content


def send_experiment(
    client: Client,
    ratio: float,
    *,
    factor: str = "rps.lo",
    values: tuple[str, str] = ("0", "3"),
    steered: bool = True,
    placement: str = "same_cpu",
    cut: int | None = None,
    **environment: Any,
) -> None:
    """One machine tries a factor in three blocks; the second arm has `ratio` times the rate. The
    run number `cut` was cut short.
    """
    number = next(NUMBERS)
    orders = ("ABBA", "BAAB", "ABBA")
    letters = "".join(orders)
    runs = [
        reports.run(
            20_000 * (ratio if letter == "B" else 1) * (1 + place / 1_000),
            placement=placement,
            partial=place == cut,
            telemetry={"softnet": {"received_rps": 90_000 * steered * (letter == "B")}},
        )
        for place, letter in enumerate(letters)
    ]
    arms = [
        {"value": value, "runs": [place for place, each in enumerate(letters) if each == letter]}
        for letter, value in zip("AB", values, strict=True)
    ]
    experiment = {"factor": factor, "blocks": list(orders), "arms": arms}
    post(
        client,
        reports.envelope(
            *runs,
            experiment=experiment,
            machine_id=f"{number:032x}",
            environment=reports.environment(**environment),
        ),
        number,
    )


def send_plain(client: Client, machine: int, rate: float, **tuning: Any) -> None:
    environment = reports.environment(
        cpu={"model": "Intel Xeon E5-2680 v4", "vendor": "GenuineIntel", "online": 2},
        tuning={"net.core.somaxconn": 4096, "conntrack": "absent", **tuning},
    )
    entries = 60_000 if tuning.get("conntrack") == "active" else 12
    telemetry = {"conntrack": {"count": entries, "max": 262_144, "drop": 0}}
    runs = [reports.run(rate * factor, telemetry=telemetry) for factor in (0.99, 1.0, 1.01)]
    report = reports.envelope(*runs, environment=environment, machine_id=f"{machine:032x}")
    post(client, report, machine)


def rows(client: Client, query: str = "") -> list[dict[str, Any]]:
    while summarise():
        pass
    answer = client.get(API + query)
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["rows"]
    return found


def test_words_come_in_their_order() -> None:
    assert words(EXPERIMENT, *hosts(RPS, 1.2, 1.21, 1.19, 1.2)) == ["helps"]
    assert words(EXPERIMENT, *hosts(RPS, 0.8, 0.81, 0.79)) == ["hurts"]
    assert words(EXPERIMENT, *hosts(RPS, 1.001, 1.0, 0.999)) == ["no_difference"]
    assert words(EXPERIMENT, *hosts(RPS, 0.8, 1.3, 1.1)) == ["unclear"]
    assert words(EXPERIMENT, *hosts(RPS, 1.2, 1.2)) == ["not_enough_data"]
    assert words(EXPERIMENT, *hosts(RPS, 1.2, 1.2, 1.2, is_exercised=False)) == ["not_exercised"]


def test_only_experiments_are_said_to_help() -> None:
    assert words(MATCHED, *hosts(RPS, 1.2, 1.21, 1.19, 1.2)) == ["unclear"]


def test_one_sender_with_many_machines_is_one_value() -> None:
    same = [HostEffect(RPS, f"m{n}", 7, math.log(1.2)) for n in range(200)]
    (row,) = tweaks.rows(EXPERIMENT, same)
    assert (row.verdict, row.effect.n, row.n_machines) == ("not_enough_data", 1, 200)


def test_workloads_are_never_pooled() -> None:
    remote = RPS._replace(topology="same_lan")
    assert len(tweaks.rows(EXPERIMENT, hosts(RPS, 1.1) + hosts(remote, 1.1))) == 2


def test_a_host_needs_a_whole_block() -> None:
    assert tweaks.host_effect("abb", [1.0, 2.0, 2.0]) is None
    assert tweaks.host_effect("aabb", [1.0, 1.0, 2.0, 2.0]) is None
    found = tweaks.host_effect("abbabaab", [1.0, 1.2, 1.3, 1.1, 1.4, 1.2, 1.3, 1.5])
    assert found is not None
    assert found == pytest.approx((0.2, 2))


def test_a_run_that_is_lost_costs_its_block_alone() -> None:
    letters = "abbabaababba"
    logs = [9.0 + 0.2 * (letter == "b") + 0.01 * n for n, letter in enumerate(letters)]
    for lost in range(len(letters)):
        places = [place for place in range(len(letters)) if place != lost]
        left = "".join(letters[place] for place in places)
        found = tweaks.host_effect(left, [logs[place] for place in places], places)
        assert found == pytest.approx((0.2, 2))
    later = [place + 3 for place in range(len(letters))]  # what came before is of no block
    assert tweaks.host_effect(letters, logs, later) == pytest.approx((0.2, 3))


@pytest.mark.django_db
@pytest.mark.parametrize("cut", [0, 4, 7, 11])
def test_a_run_cut_short_costs_an_experiment_one_block(client: Client, cut: int) -> None:
    send_experiment(client, 0.5, cut=cut)
    (row,) = rows(client)
    assert row["ratio"] == pytest.approx(0.5, rel=0.01)
    assert (row["n_machines"], row["n_pairs"]) == (1, 2)


def test_systems_differ_in_one_factor_or_are_no_contrast() -> None:
    one = {"clocksource": "tsc", "cpus": 2, "kernel_release": "6.1.1", "kernel_series": "6.1"}
    assert tweaks.contrast_of(one, {**one, "clocksource": "hpet"}) == ("clocksource", "tsc", "hpet")
    assert tweaks.contrast_of(one, {**one, "clocksource": "hpet", "cpus": 4}) is None
    assert tweaks.contrast_of(one, {**one, "clocksource": None}) is None
    newer = {**one, "kernel_release": "6.2.1", "kernel_series": "6.2"}
    assert tweaks.contrast_of(one, newer) == ("kernel_release", "6.1.1", "6.2.1")


def test_the_factors_that_have_a_command_are_those_the_client_tries() -> None:
    assert set(TUNABLE) == set(FACTORS)


def test_a_factor_that_can_no_longer_be_tried_is_one_all_the_same() -> None:
    """Version 1.0.0 could try it: reports with such an experiment are read as before."""
    assert "net.ipv4.tcp_tw_reuse" not in TUNABLE
    assert is_setting("net.ipv4.tcp_tw_reuse")


def test_nothing_gives_nothing() -> None:
    assert tweaks.rows(EXPERIMENT, []) == []


@pytest.mark.django_db
def test_experiments_come_out_with_their_word(client: Client) -> None:
    for ratio in (0.50, 0.51, 0.49, 0.50):
        send_experiment(client, ratio)
    (row,) = rows(client, "?factor=rps.lo")
    assert (row["kind"], row["from"], row["to"]) == ("experiment", "0", "3")
    assert row["ratio"] == pytest.approx(0.5, rel=0.01)
    assert row["ci_low"] < 0.5 < row["ci_high"]
    assert (row["n_machines"], row["n_pairs"], row["verdict"]) == (4, 12, "hurts")
    page = client.get("/effects/").content.decode()
    assert "Hurts" in page
    assert "0 → 3" in page


@pytest.mark.django_db
def test_a_setting_whose_counter_never_moved_says_nothing(client: Client) -> None:
    for ratio in (0.50, 0.51, 0.49, 0.50):
        send_experiment(client, ratio, steered=False)
    (row,) = rows(client)
    assert row["verdict"] == "not_exercised"
    assert "Not exercised" in client.get("/effects/").content.decode()


@pytest.mark.django_db
def test_a_factor_is_answered_under_the_name_it_was_asked_by(client: Client) -> None:
    """An experiment says `kernel` for what a host's column calls `kernel_release`."""
    for number in range(1, 4):
        send_experiment(client, 0.9 + number / 1_000, factor="kernel", values=("6.1.1", "6.6.2"))
    for name in ("kernel", "kernel_release"):
        (row,) = rows(client, f"?factor={name}")
        assert (row["factor"], row["from"], row["to"]) == (name, "6.1.1", "6.6.2")
        assert (row["kind"], row["verdict"]) == ("experiment", "hurts")
    assert [row["factor"] for row in rows(client)] == ["kernel_release"]
    assert client.get("/effects/?factor=kernel").status_code == 200


@pytest.mark.django_db
def test_a_pair_without_tracked_connections_says_nothing_of_tracking(client: Client) -> None:
    for machine in (1, 2, 3):
        send_plain(client, machine, 20_000 + machine, conntrack="absent")
        send_plain(client, machine, 16_000 + machine, conntrack="loaded")
    assert [row["verdict"] for row in rows(client)] == ["not_exercised"]


@pytest.mark.django_db
def test_a_query_never_narrows_what_was_tried(client: Client) -> None:
    """Holm's family is all experiments there are, so a filter changes no word and no q-value."""
    for ratio in (0.95, 0.93, 0.96):
        send_experiment(client, ratio)
    for ratio in (0.8, 1.3, 1.1):
        send_experiment(client, ratio, placement="unpinned")
    both = {row["placement"]: row for row in rows(client)}
    assert set(both) == {"same_cpu", "unpinned"}
    assert rows(client, "?placement=same_cpu") == [both["same_cpu"]]
    assert rows(client, "?factor=rps.lo&test=TCP_CRR&placement=unpinned") == [both["unpinned"]]
    assert rows(client, "?test=TCP_RR") == []


@pytest.mark.django_db
def test_arms_the_other_way_round_are_the_same_contrast(client: Client) -> None:
    send_experiment(client, 2.0)
    (row,) = rows(client)
    assert (row["from"], row["to"], row["verdict"]) == ("0", "3", "not_enough_data")
    assert row["n_machines_needed"] == 3
    assert row["command"].startswith("sudo crr-submit tune rps.lo --registry http")
    assert row["command"] in client.get("/effects/").content.decode()


@pytest.mark.django_db
def test_a_machine_with_and_without_is_a_pair_and_other_hosts_an_association(
    client: Client,
) -> None:
    for machine in (1, 2, 3):
        send_plain(client, machine, 20_000 + machine, conntrack="absent")
        send_plain(client, machine, 16_000 + machine, conntrack="active")
    found = {row["kind"]: row for row in rows(client, "?factor=conntrack")}
    assert set(found) == {"matched", "observational"}
    assert (found["matched"]["from"], found["matched"]["to"]) == ("absent", "active")
    assert found["matched"]["ratio"] == pytest.approx(0.8, rel=0.001)
    assert found["matched"]["n_machines"] == 3
    assert found["observational"]["ratio"] == pytest.approx(0.8, rel=0.001)
    page = client.get("/effects/").content.decode()
    assert "Hurts" not in page
    assert "Worth an experiment" in page
    assert page.count("absent → active") == 2


def associated(n_machines: int, factor: str = "conntrack", **more: Any) -> None:
    """Machines of each value, some under several systems, recipes or kernels as `more` says."""
    for value, rate in (("absent", 20_000), ("active", 18_000)):
        for number in range(n_machines):
            one = new_machine()
            for name, values in more.items():
                for place, each in enumerate(values):
                    column = {name: each} if name != "settings" else {}
                    settings = {factor: value} | (each if name == "settings" else {})
                    own = rate * (1 + 0.1 * number + 0.001 * place)
                    cell(own, one, moved=("conntrack_entries",), **column, settings=settings)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("settings", [{"net.core.somaxconn": str(n)} for n in range(8)]),
        ("duration_class", ["short", "normal", "long"]),
        ("kernel_series", ["6.1", "6.6", "6.12"]),
    ],
)
def test_a_machine_is_one_value_of_an_association(client: Client, name: str, values: Any) -> None:
    associated(3, **{name: values})
    (many,) = rows(client, "?factor=conntrack")
    assert (many["n_machines"], many["n_pairs"], many["verdict"]) == (6, 1, "unclear")
    logs = [[math.log(rate * (1 + 0.1 * n)) for n in range(3)] for rate in (18_000, 20_000)]
    alone = log_welch(*logs)
    assert alone is not None
    assert many["ci_low"] == pytest.approx(alone.ci_low, rel=0.01)
    assert many["ci_high"] == pytest.approx(alone.ci_high, rel=0.01)


@pytest.mark.django_db
def test_a_pair_of_machines_is_not_enough_however_often_measured(client: Client) -> None:
    associated(1, duration_class=["short", "normal", "long"])
    (row,) = rows(client, "?factor=conntrack")
    assert (row["verdict"], row["ci_low"], row["n_pairs"]) == ("not_enough_data", None, 1)


@pytest.mark.django_db
def test_associations_of_other_units_are_not_pooled(client: Client) -> None:
    associated(2, unit=["trans/s", "us"])
    assert len(rows(client, "?factor=conntrack")) == 2


@pytest.mark.django_db
def test_a_kept_answer_says_which_generation_its_rows_are_of(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Dated((), 3)
    monkeypatch.setattr(effects._paired, "dated", lambda: old)
    assert client.get(API).json()["generation"] == min(3, Generation.current())
    Generation.objects.update_or_create(pk=1, defaults={"number": 9})
    assert client.get(API).json()["generation"] == 3


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["?colour=red", "?factor=colour", "?streams=x"])
@pytest.mark.parametrize("address", [API, "/effects/"])
def test_what_is_no_query_is_refused(client: Client, address: str, query: str) -> None:
    assert client.get(address + query).status_code == 422


@pytest.mark.django_db
@pytest.mark.parametrize("call", ["effects", "costs", "leaderboard", "compare"])
def test_a_parameter_given_twice_is_refused(client: Client, call: str) -> None:
    answer = client.get(f"/api/v1/{call}/?test=TCP_CRR&test=TCP_RR")
    assert answer.status_code == 422
    assert answer.json()["error"]["details"] == [
        {"path": "test", "message": "given more than once"}
    ]


@pytest.mark.django_db
def test_a_list_may_be_given_with_commas_or_once_for_each(client: Client) -> None:
    send_plain(client, 1, 20_000)
    assert rows(client) == []
    board = "/api/v1/leaderboard/?group_by="
    commas, each = (client.get(board + way).json() for way in ("os,cpus", "os&group_by=cpus"))
    assert commas == each
    assert list(commas["rows"][0]["group"]) == ["os", "cpus"]


@pytest.mark.django_db
def test_without_data_the_page_says_what_contributes(client: Client) -> None:
    assert rows(client) == []
    page = client.get("/effects/").content.decode()
    assert "sudo crr-submit tune rps.lo" in page
    assert "No experiment has been sent yet" in page


def told(client: Client, machine: int, **more: Any) -> list[dict[str, Any]]:
    """What a report of this machine is told to try."""
    environment = reports.environment(tuning={"rps.lo": "0"} | more.pop("tuning", {}))
    report = reports.envelope(
        reports.run(20_000, **more), environment=environment, machine_id=f"{machine:032x}"
    )
    answer = client.post(
        "/api/v1/reports/", reports.as_bytes(report), content_type="application/json"
    )
    assert answer.status_code == 201
    found: list[dict[str, Any]] = answer.json()["try"]
    assert client.get(f"/api/v1/reports/{answer.json()['id']}/").json()["try"] == found
    page = client.get(f"/r/{answer.json()['id']}").content.decode()
    assert ("Worth trying" in page) is bool(found)
    return found


@pytest.mark.django_db
def test_a_sender_is_told_what_experiments_say_would_help(client: Client) -> None:
    assert told(client, 900) == []
    for ratio in (0.50, 0.51, 0.49, 0.50):
        send_experiment(client, ratio)
    tasks.sweep()
    assert told(client, 901) == []  # it has the better value already
    (found,) = told(client, 902, tuning={"rps.lo": "3"})
    assert (found["factor"], found["from"], found["to"]) == ("rps.lo", "3", "0")
    assert found["ratio"] == pytest.approx(2.0, rel=0.01)
    assert found["ci_low"] < 2.0 < found["ci_high"]
    assert found["message"].startswith("rps.lo 3 -> 0: x2.0")
    assert found["n_machines"] == 4
    assert told(client, 903, tuning={"rps.lo": "3"}, placement="unpinned") == []


@pytest.mark.django_db
def test_what_is_unclear_or_was_not_exercised_is_no_advice(client: Client) -> None:
    for ratio in (0.50, 0.51, 0.49, 0.50):
        send_experiment(client, ratio, steered=False)
    tasks.sweep()
    assert told(client, 904, tuning={"rps.lo": "3"}) == []


@pytest.mark.django_db
def test_another_hypervisor_is_one_factor_with_its_mode_and_version(client: Client) -> None:
    """As in the contract's example: the environment is that of one arm."""
    platform = {"type": "xen", "mode": "pv", "hypervisor_version": "4.1.0"}
    for ratio in (0.5, 0.51, 0.49):
        send_experiment(
            client, ratio, factor="hypervisor", values=("xen", "kvm"), virtualization=platform
        )
    tasks.sweep()
    (row,) = client.get("/api/v1/effects/?factor=hypervisor").json()["rows"]
    values = (row["factor"], row["from"], row["to"], row["n_machines"])
    assert values == ("hypervisor", "kvm", "xen", 3)


@pytest.mark.django_db
def test_findings_are_worked_out_once_a_generation(client: Client) -> None:
    send_experiment(client, 0.5)
    tasks.sweep()
    assert effects.refresh_findings() is False
    send_plain(client, 1, 20_000)
    tasks.summarise_readings()
    Findings.objects.update(took_s=0)
    assert effects.refresh_findings() is True


@pytest.mark.django_db
def test_findings_rest_many_times_as_long_as_they_took(client: Client) -> None:
    send_experiment(client, 0.5)
    tasks.sweep()
    send_plain(client, 1, 20_000)
    tasks.summarise_readings()
    Findings.objects.update(took_s=60)
    assert effects.refresh_findings() is False
    Findings.objects.update(found_at=timezone.now() - timedelta(seconds=60 * kept.REST + 1))
    assert effects.refresh_findings() is True


@pytest.mark.django_db
def test_findings_that_end_their_worker_rest_twice_as_long_each_time(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed() -> None:
        raise Killed

    send_experiment(client, 0.5)
    monkeypatch.setattr(effects, "_experiments", killed)
    for feared_s in (1, 2, 4, 8, 16, 32, 64, 128, 180, 180):
        with pytest.raises(Killed):
            effects.refresh_findings()
        assert effects.refresh_findings() is False
        assert Findings.objects.get().took_s == feared_s
        rested = timezone.now() - timedelta(seconds=feared_s * kept.REST + 1)
        Findings.objects.update(found_at=rested)
    monkeypatch.undo()
    assert effects.refresh_findings() is True
    assert Findings.objects.get().took_s < 1


@pytest.mark.django_db
def test_experiments_are_read_without_an_object_of_each_run(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Systems and recipes come once for some sittings, and their effects stay the same."""
    for ratio in (0.50, 0.51, 0.49):
        send_experiment(client, ratio)
    made: Counter[type] = Counter()

    def count(sender: type, **named: Any) -> None:
        made[sender] += 1

    post_init.connect(count)
    try:
        all_at_once = list(effects._experiments())
        assert made == {System: 2, Recipe: 1}
        monkeypatch.setattr(effects, "SITTINGS_AT_ONCE", 2)
        assert list(effects._experiments()) == all_at_once
    finally:
        post_init.disconnect(count)
    assert made == {System: 2 + 2 + 2, Recipe: 1 + 1 + 1}
    assert [round(math.exp(effect.log), 2) for effect in all_at_once] == [0.50, 0.51, 0.49]


@pytest.mark.django_db
def test_more_figures_than_are_looked_at_at_once(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for machine in (1, 2, 3):
        send_plain(client, machine, 20_000 + machine, conntrack="absent")
        send_plain(client, machine, 16_000 + machine, conntrack="active")
    while summarise():
        pass
    assert client.get(API).json()["has_associations"] is True
    kept.cache.clear()
    monkeypatch.setattr(effects, "MOST_CELLS", 6)
    answer = client.get(API).json()
    assert answer["has_associations"] is False
    assert {row["kind"] for row in answer["rows"]} == {"matched"}
    assert "More hosts match" in client.get("/effects/").content.decode()
