"""Names of things: random public ids, and digests keyed by the instance so that nobody outside can
guess their input.
"""

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from typing import Any

from django.conf import settings

PUBLIC_ID_LENGTH = 16
PUBLIC_ID = re.compile(r"[a-z2-7]{16}")


def new_public_id() -> str:
    """16 random characters of base32: 80 bits, lower case, safe in an address and in speech."""
    return base64.b32encode(secrets.token_bytes(10)).decode().lower()


def keyed_digest(kind: str, value: bytes) -> str:
    """Hex HMAC-SHA256 of `value` under the instance key; `kind` keeps digests of different things
    apart.
    """
    return hmac.new(
        settings.INSTANCE_KEY.encode(), kind.encode() + b"\0" + value, hashlib.sha256
    ).hexdigest()


def canonical_json(value: Mapping[str, Any]) -> str:
    """One text for one meaning: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest_of(value: Mapping[str, Any]) -> str:
    """Hex SHA-256 of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
