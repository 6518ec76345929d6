"""Reading a request's body within its limits, before anything looks at it."""

import hashlib
import hmac
import ipaddress
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from registry.refusal import Refused
from registry.safe_json import faults, load_object

DRAINED_BYTES = 8 * 1024 * 1024
DRAIN_PIECE_BYTES = 64 * 1024


def read_body(request: HttpRequest) -> bytes:
    """The body, read once. Raises Refused 400, 411, 413 or 415.

    A chunked body has no length and reaches a WSGI application empty, so it is refused rather than
    stored as nothing.
    """
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        message = f"Content-Encoding {encoding[:40]} is not read here: send the body as it is."
        raise Refused(415, "unsupported_content_encoding", message)
    length = content_length(request)
    if length is None:
        raise Refused(411, "length_required", "Send a Content-Length (no chunked body).")
    if length > settings.BODY_LIMIT_BYTES:
        drain(request)
    require_size(length)
    body = request.body
    if len(body) != length:
        message = f"The body was cut: {len(body):,} of {length:,} bytes arrived."
        raise Refused(400, "body_cut", message)
    _check_digest(request, body)
    return body


def content_length(request: HttpRequest) -> int | None:
    """The length in bytes that the sender announces, None where it says none."""
    length = request.META.get("CONTENT_LENGTH") or ""
    return int(length) if length.isascii() and length.isdigit() else None


def require_size(size_bytes: int) -> None:
    """Raises Refused 413 for more than a report may have."""
    limit = settings.BODY_LIMIT_BYTES
    if size_bytes > limit:
        message = f"A report is at most {limit:,} bytes; this one is {size_bytes:,}."
        raise Refused(413, "too_large", message)


def drain(request: HttpRequest) -> None:
    """Read a body that is too large and forget it: a sender whose connection is closed while it
    writes sees a broken pipe and never the answer. Not without end: what is far too large may.
    """
    left = DRAINED_BYTES
    while left > 0 and (piece := request.read(min(left, DRAIN_PIECE_BYTES))):
        left -= len(piece)


def _check_digest(request: HttpRequest, body: bytes) -> None:
    claimed = request.headers.get("X-Content-SHA256")
    if claimed and not hmac.compare_digest(
        claimed.strip().lower().encode("utf-8", "replace"),
        hashlib.sha256(body).hexdigest().encode(),
    ):
        raise Refused(400, "digest_mismatch", "The body does not have the digest it came with.")


def read_json(request: HttpRequest) -> dict[str, Any]:
    """The JSON object in the body. Raises Refused 400, 411, 413, 415 or 422 with every fault."""
    if media_type(request) != "application/json":
        raise Refused(415, "unsupported_media_type", "Send application/json.")
    value = load_object(read_body(request))
    found = list(faults(value))
    if found:
        raise Refused(422, "invalid", "The body is not valid.", found[:100])
    return value


def media_type(request: HttpRequest) -> str:
    return (request.content_type or "").strip().lower()


def sender_address(request: HttpRequest) -> str:
    """The sender's network: the address for IPv4, the /64 for IPv6, from the proxies we know or
    the peer.
    """
    peer = request.META.get("REMOTE_ADDR") or "0.0.0.0"
    hops = [
        hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()
    ]
    if settings.NUM_PROXIES and hops:
        peer = hops[-min(settings.NUM_PROXIES, len(hops))]
    try:
        found = ipaddress.ip_address(peer)
    except ValueError:
        return "unknown"
    # IPv4 through a socket of both families: the address inside is the sender's, not ::/64.
    found = getattr(found, "ipv4_mapped", None) or found
    prefix = 32 if found.version == 4 else 64
    return str(ipaddress.ip_network((found, prefix), strict=False).network_address)
