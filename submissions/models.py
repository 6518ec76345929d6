"""What intake counts. A refused body is not kept; that it was refused is."""

from django.db import models
from django.db.models import F
from django.utils import timezone


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
