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
