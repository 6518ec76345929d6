"""The system of a run: its factors under the vocabularies' names, with the value of an experiment's
arm over the environment's. No Django, no database.
"""

from collections.abc import Mapping
from typing import Any

from registry.vocabulary import cpus, distributions, kernels, platform, virtualization
from registry.vocabulary.factors import SYSTEM_LENGTHS, TRIED_COLUMNS, is_setting
from registry.vocabulary.platform import Platform

# Experiment factors that are columns of a system, under their column's name.
ARM_COLUMNS = {**TRIED_COLUMNS, "clocksource": "clocksource"}


def system_of(
    environment: Mapping[str, Any],
    arm: tuple[str, str | None] | None = None,
    decided: Platform | None = None,
) -> dict[str, Any]:
    """The factors of a run, no text longer than its column; blank text is unknown. `decided` is the
    environment's platform where the caller has it.
    """
    decided = decided or platform.decide(environment)
    cloud = decided.cloud
    cpu, os = environment.get("cpu") or {}, environment.get("os") or {}
    system: dict[str, Any] = {
        "virtualization": decided.type,
        "virtualization_mode": decided.mode,
        "hypervisor_version": decided.version,
        "container": decided.container,
        "kernel_release": (environment.get("kernel") or {}).get("release"),
        "os": distributions.canonical(os.get("id"), os.get("version_id")),
        "provider": cloud.provider,
        "instance_type": cloud.instance_type,
        "cpu_model": cpus.canonical(cpu.get("model"), cloud.provider),
        "cpus": cpu.get("online"),
        "nic_driver": (environment.get("nic") or {}).get("driver"),
        "clocksource": environment.get("clocksource"),
        "settings": _settings(environment.get("tuning") or {}),
    }
    if arm:
        _overlay(system, *arm)
    for column, length in SYSTEM_LENGTHS.items():
        system[column] = (system.get(column) or "").strip()[:length] or None
    series = kernels.series(system["kernel_release"], system["os"])
    system["kernel_series"] = series and series[: SYSTEM_LENGTHS["kernel_series"]]
    return system


def _settings(tuning: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are factors and known; readings such as a rule count would part like from
    like.
    """
    return {name: value for name, value in tuning.items() if value is not None and is_setting(name)}


def _overlay(system: dict[str, Any], factor: str, value: str | None) -> None:
    """The arm's value over the environment's. A factor that the vocabulary does not know would
    make a system of its own, so it is left out.
    """
    if value is None:
        return
    if factor == "hypervisor":
        said = virtualization.read(value)
        if said.type != system["virtualization"]:  # the mode and version were the other's
            system["virtualization_mode"], system["hypervisor_version"] = said.mode, said.version
        system["virtualization"] = said.type
    elif factor == "xen.mode":
        system["virtualization_mode"] = virtualization.mode(value)
    elif factor in ARM_COLUMNS:
        system[ARM_COLUMNS[factor]] = value
    elif is_setting(factor):
        system["settings"][factor] = value
