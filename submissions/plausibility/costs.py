"""Rules about the CPU figures of `-c -C`: a share above all of it, a service demand that the rate
and the share do not give. No Django.
"""

from collections.abc import Iterator
from typing import Any

from submissions.plausibility.rates import CONNECTIONS_PER_CORE
from submissions.plausibility.subject import CONNECTION_TESTS, Figure, Subject

SIDES = ("local", "remote")
MOST_PERCENT = 101.0  # netperf's own rounding
MOST_CPUS = 8_192
CPU_MARGIN = 1.25
BYTES_PER_UNIT = 1_024  # service demand of a stream is per KB
# Rounded as netperf prints them: CPU to 0.01 %, service demand to 0.001 us.
CPU_STEP, DEMAND_STEP = 0.005, 0.0005
WHOLE_MARGIN = 0.15
ERROR_ALLOWED = 0.05


def cpu_percent(subject: Subject) -> Iterator[str]:
    """netperf's share is of all CPUs together."""
    for figure in subject.figures:
        for side in SIDES:
            percent = getattr(figure.result, f"{side}_cpu_percent")
            if percent is not None and percent > MOST_PERCENT:
                yield (
                    f"{figure.place}: {side} CPU of {percent:,.2f} %, and 100 % is all CPUs "
                    "together: check the column and the decimal point"
                )


def service_demand(subject: Subject) -> Iterator[str]:
    """Service demand = CPU share x CPUs / rate, so the three give a number of CPUs: a whole one,
    and that of the environment where it is known.
    """
    for figure in subject.figures:
        for side in SIDES:
            yield from _demand(figure, side, _environment(subject, figure, side))


def _demand(figure: Figure, side: str, environment: dict[str, Any]) -> Iterator[str]:
    result = figure.result
    percent = getattr(result, f"{side}_cpu_percent")
    demand_us = getattr(result, f"{side}_service_demand_us")
    # A UDP stream's rate is what arrived; its demands are of what each side handled.
    if not percent or not demand_us or result.test.startswith("UDP_STREAM"):
        return
    per_s = result.value if figure.is_rate else result.value / 8 / BYTES_PER_UNIT
    cpus = demand_us * per_s / (percent * 1e4)
    error = cpus * (CPU_STEP / percent + DEMAND_STEP / demand_us)
    if result.test in CONNECTION_TESTS and demand_us * CONNECTIONS_PER_CORE * 2 < 1e6:
        yield (
            f"{figure.place}: {side} service demand of {demand_us} us a connection is less than "
            "any kernel needs: check the unit of the rate"
        )
    elif why := _wrong_cpus(cpus, error, environment.get("cpu") or {}):
        yield (
            f"{figure.place}: {side} CPU {percent} %, service demand {demand_us} us and the rate "
            f"belong to {cpus:,.3g} CPUs, {why}: one of the three is wrong, perhaps by its unit"
        )


def _wrong_cpus(cpus: float, error: float, cpu: dict[str, Any]) -> str:
    """Why `cpus` cannot be; empty where it can."""
    least, most = cpu.get("online"), max(cpu.get("online") or 0, cpu.get("threads") or 0)
    if error > 1:
        return ""
    if cpus + error < 1 - WHOLE_MARGIN or cpus - error > MOST_CPUS:
        return "and no host has so many"
    if least and not least / CPU_MARGIN <= cpus + error:
        return f"the host has {least}"
    if cpu.get("threads") and cpus - error > most * CPU_MARGIN:
        return f"the host has {most}"
    if error < ERROR_ALLOWED and abs(cpus - round(cpus)) > WHOLE_MARGIN:
        return "which is no whole number"
    return ""


def _environment(subject: Subject, figure: Figure, side: str) -> dict[str, Any]:
    """The environment of the side's host; on loopback both sides are the same."""
    own: dict[str, Any] = (subject.envelope or {}).get("environment") or {}
    if side == "local" or figure.run.recipe["topology"] == "loopback":
        return own
    return figure.settings.get("remote_environment") or {}
