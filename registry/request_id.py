"""A name for each request, so that what a visitor saw broken is found in the log: a header of every
answer, a field of every log line, and shown where something broke on our side.

Ours alone: what a client sends under that name is not taken, since it would be written to the log.
"""

import json
import logging
import secrets
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse

HEADER = "X-Request-Id"
NONE = "-"  # outside of a request: workers, commands
_current: ContextVar[str] = ContextVar("request_id", default=NONE)


def current() -> str:
    return _current.get()


class RequestId:
    """Stands first among the middleware, so that every answer has the name."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = _current.set(secrets.token_hex(6))
        try:
            response = self.get_response(request)
            response.headers[HEADER] = current()
            return response
        finally:
            _current.reset(token)


class Field(logging.Filter):
    """Adds `request_id` to the records of a handler."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = current()
        return True


class JsonLines(logging.Formatter):
    """A JSON object a line; a traceback is one of its texts."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "request_id": getattr(record, "request_id", NONE),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)
