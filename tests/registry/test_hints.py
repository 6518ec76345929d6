"""A hint never hurts the sender: short time-outs, a breaker, failures counted."""

import socket
from typing import Any

import pytest

from registry import hints
from registry.tasks import summarise_readings


@pytest.mark.parametrize("scheme", ["redis", "rediss", "amqp", "amqps"])
def test_a_producer_has_its_own_short_time_outs(scheme: str, settings: Any) -> None:
    settings.CELERY_BROKER_URL = f"{scheme}://127.0.0.1:1/0"
    options = hints._connection().transport_options or {}
    assert options["max_retries"] == 0
    timeouts = [value for name, value in options.items() if name.endswith("timeout")]
    assert hints.TIMEOUT_S in timeouts


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_accepts_and_never_answers_is_given_up(
    scheme: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the producer's own time-outs this test would not end."""
    monkeypatch.setattr(hints, "breaker", hints.Breaker())
    with socket.create_server(("127.0.0.1", 0)) as black_hole:
        port = black_hole.getsockname()[1]
        settings.CELERY_BROKER_URL = f"{scheme}://127.0.0.1:{port}//"
        assert not hints.send(summarise_readings)
    assert hints.breaker.failed == 1
    assert not hints.breaker.allows()


@pytest.mark.django_db(transaction=True)
def test_a_hint_that_rests_is_sent_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s, sent, answers = [100.0], [], [False, True, True]

    def send(task: Any, *args: Any, countdown: float | None = None) -> bool:
        sent.append(now_s[0])
        return answers.pop(0)

    monkeypatch.setattr(hints, "pace", hints.Pace())
    monkeypatch.setattr(hints, "send", send)
    monkeypatch.setattr(hints.time, "monotonic", lambda: now_s[0])
    for now_s[0] in (100.0, 100.1, 100.2, 101.0, 101.2):
        hints.after_commit(summarise_readings, rest_s=1.0)
    # The first was not sent, so nobody rests after it.
    assert sent == [100.0, 100.1, 101.2]
