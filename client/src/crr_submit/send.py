"""Sends one report: the request, the retries, and what a refusal means in words.

In: bytes, a registry's address, the two secrets. Out: the registry's answer, or a `SendError`
whose text names the cause. A retry carries the same secrets, so it can never make two reports.
"""

import contextlib
import email.utils
import hashlib
import http.client
import ipaddress
import json
import random
import signal
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional

from crr_submit import __version__

TRIES = 5
FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 60.0
TIMEOUT_S = 30.0
EXCHANGE_LIMIT_S = 120.0  # for a request and its whole answer
ANSWER_LIMIT_BYTES = 1024 * 1024
MOST_LEVELS = 20  # of lists and objects in an answer
REPORTS_PATH = "/api/v1/reports/"


class SendError(Exception):
    """The report was not taken; the text says why, one line a reason."""


@dataclass(frozen=True)
class Claim:
    """The secrets of one report at one registry, and where it stands once it is there."""

    registry: str
    body_sha256: str
    idempotency_key: str
    claim_token: str
    id: Optional[str] = None
    url: Optional[str] = None


@dataclass(frozen=True)
class Response:
    """Any HTTP answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Transport = Callable[[urllib.request.Request], Response]


def send(
    body: bytes,
    media_type: str,
    registry: str,
    claim: Claim,
    say: Callable[[str], None],
    transport: Optional[Transport] = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Dict[str, Any]:
    """POST the report until the registry has it; raises SendError. `say` tells of every new try."""
    request = _request(body, media_type, registry, claim)
    for attempt in range(1, TRIES + 1):
        delay_s = FIRST_DELAY_S * 2 ** (attempt - 1) * random.uniform(0.5, 1.5)
        try:
            response = (transport or over_http)(request)
        except (OSError, http.client.HTTPException) as error:
            cause = "no connection to %s: %s" % (registry, _reason(error))
        else:
            if response.status in (200, 201, 202):
                return _answer(response, registry)
            cause = refusal(response)
            if response.status < 500 and response.status != 429:
                break
            delay_s = max(delay_s, _retry_after_s(response))
        if attempt == TRIES or delay_s > LONGEST_DELAY_S:
            break
        say(
            "%s; trying again in %.0f s (%d of %d)"
            % (cause.splitlines()[0], delay_s, attempt + 1, TRIES)
        )
        sleep(delay_s)
    raise SendError(cause)


def fetch(registry: str, report_id: str, transport: Optional[Transport] = None) -> bytes:
    """The stored bytes of a report; raises SendError."""
    address = "%s%s%s/raw/" % (registry, REPORTS_PATH, report_id)
    headers = {"User-Agent": "crr-submit/" + __version__}
    try:
        response = (transport or over_http)(urllib.request.Request(address, headers=headers))
    except (OSError, http.client.HTTPException) as error:
        raise SendError("no connection to %s: %s" % (registry, _reason(error))) from error
    if response.status != 200:
        raise SendError(refusal(response))
    return response.body


def over_http(request: urllib.request.Request) -> Response:
    """One request, through the proxies of the environment but not to a loopback host; redirects
    are not followed.
    """
    handlers: List[urllib.request.BaseHandler] = [_NoRedirect()]
    if is_loopback(urllib.parse.urlsplit(request.full_url).hostname or ""):
        handlers.append(urllib.request.ProxyHandler({}))
    opener = urllib.request.build_opener(*handlers)
    with _within(EXCHANGE_LIMIT_S):
        try:
            answer = opener.open(request, timeout=TIMEOUT_S)
        except urllib.error.HTTPError as error:
            answer = error  # an answer like any other: status, headers, body
        with answer:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Response(answer.status or 0, headers, answer.read(ANSWER_LIMIT_BYTES))


@contextlib.contextmanager
def _within(limit_s: float) -> Iterator[None]:
    """Raise OSError when the time is over: a socket's timeout begins anew with every byte."""

    def late(*_: Any) -> None:
        raise OSError("no whole answer within %.0f s" % limit_s)

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def refusal(response: Response) -> str:
    """What a registry's error says: its message, then a line for every error it names."""
    lines = ["the registry answers %d" % response.status]
    location = response.headers.get("location")
    if 300 <= response.status < 400 and location:
        lines[0] += ": it is at another address, %s" % location.replace(REPORTS_PATH, "/")
    error = json_object(response.body).get("error")
    if isinstance(error, dict):
        lines[0] += ": %s (%s)" % (error.get("message"), error.get("code"))
        lines += ["  " + _detail(detail) for detail in _list(error.get("details"))]
    return "\n".join(lines)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """urllib would follow a redirect with a GET and drop the report on the way."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def _request(body: bytes, media_type: str, registry: str, claim: Claim) -> urllib.request.Request:
    headers = {
        "Content-Type": media_type,
        "Content-Length": str(len(body)),
        "X-Content-SHA256": hashlib.sha256(body).hexdigest(),
        "Idempotency-Key": claim.idempotency_key,
        "Claim-Token": claim.claim_token,
        "Accept": "application/json",
        "User-Agent": "crr-submit/" + __version__,
    }
    return urllib.request.Request(
        registry + REPORTS_PATH, data=body, headers=headers, method="POST"
    )


def _answer(response: Response, registry: str) -> Dict[str, Any]:
    """The body of a 200, 201 or 202; a proxy's friendly page is none. Whatever else is wrong with
    it, the report is there.
    """
    answer = json_object(response.body)
    if not isinstance(answer.get("id"), str):
        raise SendError("%s answers %d, but not as a registry does" % (registry, response.status))
    if _is_deep(answer, MOST_LEVELS):
        answer = {name: answer[name] for name in ("id", "url") if isinstance(answer.get(name), str)}
    if isinstance(answer.get("url"), str):
        try:
            answer["url"] = urllib.parse.urljoin(registry + "/", answer["url"])
        except ValueError:
            answer["url"] = None
    return answer


def _is_deep(value: Any, levels: int) -> bool:
    parts = value.values() if isinstance(value, dict) else _list(value)
    return levels == 0 or any(_is_deep(part, levels - 1) for part in parts)


def json_object(body: bytes) -> Dict[str, Any]:
    try:
        value = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> List[Any]:
    return value if isinstance(value, list) else []


def _detail(detail: Any) -> str:
    if isinstance(detail, dict):
        return "%s: %s" % (detail.get("path"), detail.get("message"))
    return str(detail)


def _reason(error: BaseException) -> str:
    reason = getattr(error, "reason", None) or error
    return str(reason) or type(reason).__name__


def _retry_after_s(response: Response) -> float:
    """`Retry-After` in seconds, given as a number or as a date; 0 when there is none."""
    text = response.headers.get("retry-after", "").strip()
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError, IndexError):
        return 0.0
