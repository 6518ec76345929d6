"""What an account holds: the reports it claimed, notes on its machines, tokens of its programs.

Deleting the user deletes all of it. What stays is the opaque submitter of its reports.
"""

import hashlib
import secrets
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models, transaction
from django.utils import timezone

from registry.models import Machine, RawReport, Submitter

ACCOUNT_PREFIX = "crra_"
NOTE_LENGTH = 500


class Account(models.Model):
    """A user's place in the registry; `submitter` is whose vote its reports are."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="account")
    submitter = models.OneToOneField(Submitter, models.PROTECT)

    def __str__(self) -> str:
        return f"account {self.pk}"

    @classmethod
    def of(cls, user: AbstractBaseUser | AnonymousUser) -> "Account":
        """The account of a signed-in user, made when it is first needed."""
        found = cls.objects.filter(user=user).first()
        if found:
            return found
        with transaction.atomic():
            made = {"submitter": Submitter.objects.create()}
            return cls.objects.get_or_create(user=user, defaults=made)[0]


class ClaimQuerySet(models.QuerySet["Claim"]):
    def newest(self) -> "ClaimQuerySet":
        """With reports and machines, without what is long in a report: its bytes."""
        found = self.select_related("report", "report__machine").order_by("-report_id")
        return found.defer("report__body")


class Claim(models.Model):
    """That a report is an account's."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="claims")
    report = models.OneToOneField(RawReport, models.CASCADE, related_name="claim")
    claimed_at = models.DateTimeField(default=timezone.now)

    objects = ClaimQuerySet.as_manager()

    def __str__(self) -> str:
        return f"report {self.report_id} of account {self.account_id}"


class MachineNote(models.Model):
    """What an account's owner wrote of a machine, for nobody else to read."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="machine_notes")
    machine = models.ForeignKey(Machine, models.CASCADE)
    text = models.CharField(max_length=NOTE_LENGTH, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "machine"], name="machine_note_of_account")
        ]

    def __str__(self) -> str:
        return f"note of account {self.account_id} on machine {self.machine_id}"


class TokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self) -> "TokenQuerySet":
        return self.filter(revoked_at=None, account__user__is_active=True)


class ApiToken(models.Model):
    """A program's right to act for an account, within its scopes. Only the digest is kept."""

    class Scope(models.TextChoices):
        SEND = "send", "send reports as mine"
        MANAGE = "manage", "edit and withdraw my reports"
        READ = "read", "read what my account holds"

    account = models.ForeignKey(Account, models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)
    last_used_on = models.DateField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = TokenQuerySet.as_manager()

    def __str__(self) -> str:
        return f"token {self.pk} of account {self.account_id}"

    @classmethod
    def make(cls, account: Account, name: str, scopes: list[str]) -> tuple["ApiToken", str]:
        """A new token and its text, which is nowhere afterwards."""
        text = ACCOUNT_PREFIX + secrets.token_urlsafe(32)
        token = cls.objects.create(
            account=account, name=name, scopes=sorted(scopes), digest=digest_of_token(text)
        )
        return token, text

    def used(self) -> None:
        """Note the day, one write a day."""
        today = timezone.now().date()
        if self.last_used_on != today:
            self.last_used_on = today
            self.save(update_fields=["last_used_on"])

    def revoke(self) -> None:
        self.revoked_at = timezone.now()
        self.save(update_fields=["revoked_at"])


def digest_of_token(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def as_dict(token: ApiToken) -> dict[str, Any]:
    """What may be said of a token: everything but itself."""
    return {
        "name": token.name,
        "scopes": token.scopes,
        "created_at": token.created_at.isoformat(),
        "last_used_on": token.last_used_on and token.last_used_on.isoformat(),
        "revoked_at": token.revoked_at and token.revoked_at.isoformat(),
    }
