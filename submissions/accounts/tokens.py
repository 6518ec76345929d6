"""Tokens of an account on the API: `Authorization: Bearer crra_…`."""

from registry.refusal import Refused
from submissions.accounts.models import ACCOUNT_PREFIX, Account, ApiToken, digest_of_token

SCHEME = "bearer"


def bearer(authorization: str) -> str:
    """The token of an Authorization header, empty where it holds none."""
    scheme, _, token = authorization.strip().partition(" ")
    return token.strip() if scheme.lower() == SCHEME else ""


def account_of(authorization: str, scope: str) -> Account | None:
    """Whose token came with a request; None where none did, or a claim token. Raises Refused 401
    for a token that is no more, 403 for one without the scope.
    """
    text = bearer(authorization)
    if not text.startswith(ACCOUNT_PREFIX):
        return None
    usable = ApiToken.objects.usable().select_related("account", "account__submitter")
    token = usable.filter(digest=digest_of_token(text)).first()
    if token is None:
        raise Refused(401, "bad_token", "This API token does not exist or was revoked.")
    if scope not in token.scopes:
        raise Refused(403, "wrong_scope", f"This API token may not {scope}: make one that may.")
    token.used()
    return token.account
