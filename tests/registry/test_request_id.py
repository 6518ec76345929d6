"""Every answer, every log line and every page of a fault of ours names its request."""

import json
import logging
from typing import Any

import pytest
from django.test import Client

from registry.request_id import HEADER, Field, JsonLines


class Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.addFilter(Field())
        self.names: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.names.append(record.request_id)  # type: ignore[attr-defined]


def test_every_answer_has_a_name_of_its_own_and_not_the_clients(client: Client) -> None:
    names = {client.get("/healthz", headers={HEADER: "mine"})[HEADER] for _ in range(3)}
    assert len(names) == 3
    assert "mine" not in names


@pytest.mark.parametrize(
    ("address", "shown"), [("/", "name request {}."), ("/api/v1/leaderboard/", "name request {}.")]
)
def test_a_fault_of_ours_is_found_in_the_log(
    client: Client, monkeypatch: pytest.MonkeyPatch, address: str, shown: str
) -> None:
    """Without the mark of pytest-django the first query is a fault."""
    client.raise_request_exception = False
    records = Records()
    logging.getLogger("django.request").addHandler(records)
    try:
        answer: Any = client.get(address)
    finally:
        logging.getLogger("django.request").removeHandler(records)
    assert answer.status_code == 500
    assert shown.format(answer[HEADER]) in answer.content.decode()
    assert set(records.names) == {answer[HEADER]}


def test_outside_of_a_request_there_is_none() -> None:
    record = logging.makeLogRecord({})
    Field().filter(record)
    assert record.request_id == "-"  # type: ignore[attr-defined]


def test_a_line_of_json_holds_a_hostile_message_and_its_traceback() -> None:
    try:
        raise ValueError('two\nlines and a "quote"')
    except ValueError as error:
        told = (type(error), error, error.__traceback__)
    record = logging.LogRecord("a.b", logging.ERROR, "", 1, "it says %s", ("\x1b[31m\n",), told)
    Field().filter(record)
    (line,) = JsonLines().format(record).splitlines()
    found = json.loads(line)
    assert (found["level"], found["request_id"], found["logger"]) == ("ERROR", "-", "a.b")
    assert found["message"] == "it says \x1b[31m\n"
    assert found["exception"].endswith('lines and a "quote"')
