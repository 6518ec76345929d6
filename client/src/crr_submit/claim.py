"""The two secrets of a report, made before it is sent and kept beside it in `<file>.claim` for its
owner alone.

`Idempotency-Key` makes a retry safe, `Claim-Token` is the right to edit or withdraw the report.
They belong to one registry and one exact content: a report that was edited, or goes to another
registry, gets new ones.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

from crr_submit.envelope import save

TOKEN_PREFIX = "crrc_"
SECRET_BYTES = 32


@dataclass(frozen=True)
class Claim:
    """The secrets of one report at one registry, and where it stands once it is there."""

    registry: str
    body_sha256: str
    idempotency_key: str
    claim_token: str
    id: Optional[str] = None
    url: Optional[str] = None


def path_of(report_path: str) -> str:
    return report_path + ".claim"


def get_or_create(report_path: str, registry: str, body: bytes) -> Claim:
    """The kept claim of this content at this registry, or a new one, on disk; raises OSError or
    ValueError.
    """
    digest = hashlib.sha256(body).hexdigest()
    claims = load(report_path)
    for claim in claims:
        if (claim.registry, claim.body_sha256) == (registry, digest):
            return claim
    token = TOKEN_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    made = Claim(registry, digest, secrets.token_urlsafe(SECRET_BYTES), token)
    _store(report_path, [*claims, made])
    return made


def remember(report_path: str, claim: Claim, answer: Mapping[str, Any]) -> None:
    """Note beside the secrets which report they belong to; raises OSError or ValueError."""
    known = replace(claim, id=_text(answer, "id"), url=_text(answer, "url"))
    _store(report_path, [known if kept == claim else kept for kept in load(report_path)])


def load(report_path: str) -> List[Claim]:
    """All claims kept beside a report; raises ValueError when the file is not one of ours."""
    path = path_of(report_path)
    try:
        rows = json.loads(Path(path).read_text(encoding="utf-8"))["claims"]
        return [Claim(**row) for row in rows]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError("%s is not a claim file of crr-submit (%s)" % (path, error)) from error


def _store(report_path: str, claims: List[Claim]) -> None:
    content: Dict[str, Any] = {"claims": [asdict(claim) for claim in claims]}
    save(path_of(report_path), (json.dumps(content, indent=2) + "\n").encode("ascii"))


def _text(answer: Mapping[str, Any], name: str) -> Optional[str]:
    value = answer.get(name)
    return value if isinstance(value, str) else None
