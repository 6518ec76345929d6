"""What intake counts: a refused body is not kept, its refusal is; and what accounts hold."""

from django.db import models
from django.db.models import F
from django.utils import timezone

from submissions.accounts.models import Account, ApiToken, Claim, MachineNote

__all__ = ["Account", "ApiToken", "Claim", "MachineNote", "Refusal"]


class Refusal(models.Model):
    """How many bodies were refused on a day, by error code."""

    day = models.DateField()
    code = models.CharField(max_length=64)
    count = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["day", "code"], name="refusal_day_code")]

    def __str__(self) -> str:
        return f"{self.day} {self.code}: {self.count}"

    @staticmethod
    def add(code: str) -> None:
        today = timezone.now().date()
        Refusal.objects.bulk_create([Refusal(day=today, code=code)], ignore_conflicts=True)
        Refusal.objects.filter(day=today, code=code).update(count=F("count") + 1)
