"""Answers of a large registry as they were last found, so that nobody who asks waits for them."""

from django.db import models


class KeptAnswer(models.Model):
    """An answer, and what was asked, both as `registry.kept` writes them. `asked_at` is to the
    minute.
    """

    key = models.CharField(primary_key=True, max_length=64)
    name = models.CharField(max_length=100)
    asked = models.BinaryField()
    found = models.BinaryField()
    generation = models.BigIntegerField()
    took_s = models.FloatField()
    found_at = models.DateTimeField()
    asked_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.name} of generation {self.generation}"
