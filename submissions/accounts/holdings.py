"""What an account holds, and how it changes hands: claim, let go, hand out, delete."""

from collections.abc import Iterator, Sequence
from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction
from django.db.models import Count, Max

from registry.models import Machine, RawReport
from registry.refusal import Refused
from registry.twins import unnamed
from submissions import withdrawal
from submissions.accounts.models import NOTE_LENGTH, Account, ApiToken, Claim, MachineNote, as_dict
from submissions.intake import Receipt, claimed_by

EXPORTED_AT_ONCE = 20  # with their bytes
NAME_LENGTH = 80  # of a token
TOKENS_LIMIT = 50
REPORTS_LISTED = 1000  # of one account, on its page and by the API; the export has them all


def claim(account: Account, public_id: str, token: str) -> RawReport:
    """Make a report the account's, by its claim token. Raises Refused 404 for a wrong id and a
    wrong token alike, 409 where another account has it.
    """
    report = RawReport.objects.filter(public_id=public_id).first()
    if report is None or not claimed_by(report, token):
        message = "There is no such report, or this is not its claim token."
        raise Refused(404, "not_found", message)
    found, _ = Claim.objects.get_or_create(report=report, defaults={"account": account})
    if found.account_id != account.pk:
        raise Refused(409, "claimed", "Another account has claimed this report.")
    return report


def has(account: Account | None, report: RawReport) -> bool:
    return account is not None and account.claims.filter(report=report).exists()


def owns(user: User | AnonymousUser, report: RawReport) -> bool:
    """Whether a request's user claimed the report."""
    return bool(user.is_authenticated and has(Account.objects.filter(user=user).first(), report))


def machines_of(account: Account) -> list[dict[str, Any]]:
    """The machines of the account's reports, with its notes, the last seen first."""
    notes = dict(account.machine_notes.values_list("machine_id", "text"))
    machines = account.claims.exclude(report__machine=None).values_list(
        "report__machine", "report__machine__public_id"
    )
    counted = machines.annotate(n=Count("pk"), newest=Max("report_id")).order_by("-newest")
    return [
        {"machine": public_id, "note": notes.get(number, ""), "n_reports": n}
        for number, public_id, n, _ in counted
    ]


def note(account: Account, machine_id: str, text: str) -> None:
    """Keep the account's note on one of its machines. Raises Refused 404, 422."""
    theirs = Machine.objects.filter(rawreport__claim__account=account, public_id=machine_id)
    machine = theirs.first()
    if machine is None:
        raise Refused(404, "not_found", "No report of yours is of this machine.")
    if len(text) > NOTE_LENGTH or "\0" in text:
        raise Refused(422, "invalid", f"A note has at most {NOTE_LENGTH} characters and no NUL.")
    MachineNote.objects.update_or_create(account=account, machine=machine, defaults={"text": text})


def export(account: Account) -> Iterator[dict[str, Any]]:
    """Everything that is kept of an account: itself, then a record for each report, bytes too."""
    yield _itself(account)
    ids = _reports_of(account)
    for start in range(0, len(ids), EXPORTED_AT_ONCE):
        some = account.claims.newest().filter(report__in=ids[start : start + EXPORTED_AT_ONCE])
        for each in some.defer(None):
            body = each.report.body
            text = None if body is None else bytes(body).decode(errors="replace")
            yield _record(each.report) | {"body": text}


def _reports_of(account: Account) -> list[int]:
    """The numbers of its reports, the newest first: read whole, since a cursor left open on SQLite
    holds a snapshot from which nothing can be written.
    """
    return list(account.claims.order_by("-report_id").values_list("report_id", flat=True))


def listed(account: Account) -> dict[str, Any]:
    """The same in one piece, without the bytes: `/r/{id}` has those."""
    newest = account.claims.newest()[:REPORTS_LISTED]
    return _itself(account) | {"reports": [_record(each.report) for each in newest]}


def _itself(account: Account) -> dict[str, Any]:
    user = account.user
    return {
        "email": user.email,
        "joined_at": user.date_joined.isoformat(),
        "machines": machines_of(account),
        "tokens": [as_dict(token) for token in account.tokens.order_by("id")],
        "passkeys": [str(key) for key in passkeys_of(account)],
    }


def _record(report: RawReport) -> dict[str, Any]:
    return {
        "id": report.public_id,
        "url": f"{settings.PUBLIC_URL}/r/{report.public_id}",
        "received_at": report.received_at.isoformat(),
        "status": report.status,
        "status_reason": unnamed(report.status_reason),
        "visibility": report.visibility,
        "machine": report.machine.public_id if report.machine else None,
        "notes": report.notes,
        "format": report.format,
    }


def delete(account: Account, with_reports: bool) -> None:
    """Delete an account and all it holds; its reports are withdrawn, or stay without an owner."""
    if with_reports:
        for report_id in _reports_of(account):
            withdrawal.withdraw(RawReport.objects.defer("body").get(pk=report_id))
    with transaction.atomic():
        account.user.delete()


def take(account: Account | None, receipt: Receipt) -> None:
    """A report that an account's program sent is the account's. A repeat is where the account was
    the sender: the bytes of a public report say nothing of who sends them again.
    """
    report = receipt.report
    if account and (receipt.created or report.submitter_id == account.submitter_id):
        Claim.objects.get_or_create(report=report, defaults={"account": account})


def tokens_of(account: Account) -> list[ApiToken]:
    """Those that are not revoked, the newest first."""
    return list(account.tokens.filter(revoked_at=None).order_by("-id"))


def make_token(account: Account, name: str, scopes: Sequence[str]) -> tuple[ApiToken, str]:
    """A new token and its text. Raises Refused 422."""
    known = [scope for scope in scopes if scope in ApiToken.Scope.values]
    if not 0 < len(name) <= NAME_LENGTH or "\0" in name or not known or len(known) < len(scopes):
        message = f"A token has a name of at most {NAME_LENGTH} characters and a scope or more."
        raise Refused(422, "invalid", message)
    if len(tokens_of(account)) >= TOKENS_LIMIT:
        raise Refused(422, "invalid", f"{TOKENS_LIMIT} tokens are enough: revoke one first.")
    return ApiToken.make(account, name, sorted(set(known)))


def revoke_token(account: Account, key: str) -> None:
    """Raises Refused 404 for a token that the account does not have."""
    is_key = key.isdecimal() and len(key) < 19
    token = account.tokens.filter(pk=int(key)).first() if is_key else None
    if token is None:
        raise Refused(404, "not_found", "Your account has no such token.")
    token.revoke()


def passkeys_of(account: Account) -> list[Authenticator]:
    keys = Authenticator.objects.filter(user=account.user, type=Authenticator.Type.WEBAUTHN)
    return list(keys.order_by("id"))
