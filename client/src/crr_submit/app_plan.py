"""What `crr-submit app` will do: settings and the steps in order. Pure; `crr_submit.app` carries it
out.

A warm-up of each test comes first, then rounds that run both tests once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional

from crr_submit import plan
from crr_submit.app_output import TESTS

WARM_UP_SHARE = 10


@dataclass(frozen=True)
class Settings:
    """What was asked for, by default as it was done in 2011. `requests` None: by the size of the
    plan; `workers` None: as many server processes as usable CPUs.
    """

    requests: Optional[int] = None
    concurrency: int = 20
    backlog: int = 128
    listeners: str = "reuseport"
    workers: Optional[int] = None
    generator: str = "auto"


@dataclass(frozen=True)
class Step:
    """One run of a generator."""

    test: str
    requests: int
    warm_up: bool = False

    @property
    def label(self) -> str:
        """`HTTP_ACCEPT, 100,000 requests`."""
        name = "warm-up of " + self.test if self.warm_up else self.test
        return "%s, %s requests" % (name, "{:,}".format(self.requests))


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    rounds: int
    requests: int


SIZES = {
    plan.DEFAULT: Size(rounds=3, requests=100_000),
    plan.QUICK: Size(rounds=1, requests=10_000),
    plan.THOROUGH: Size(rounds=10, requests=100_000),
}


def build(settings: Settings, scale: plan.Scale) -> List[Step]:
    """The steps in order."""
    size = SIZES[scale]
    requests = settings.requests or size.requests
    short = max(1, requests // WARM_UP_SHARE)
    warm_ups = [Step(test, short, warm_up=True) for test in TESTS]
    return warm_ups + [Step(test, requests) for test in TESTS] * size.rounds
