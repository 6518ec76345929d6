"""Whether an envelope is a report: the JSON Schema of the field table, and every fault named. No
Django.

Called by intake and the parse endpoint on the way in. What is unknown is a warning, not a fault.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import jsonschema_rs

from crr_submit.report import schema
from registry.refusal import Refused
from registry.safe_json import faults
from submissions.redact import scrubber_of

FAULTS_SHOWN = 100
_SCHEMA = schema()
_VALIDATOR = jsonschema_rs.validator_for(_SCHEMA)


def validate(envelope: dict[str, Any]) -> list[str]:
    """Warnings about keys the format does not know. Raises Refused 422 with every fault."""
    found = list(faults(envelope))
    found += _schema_faults(_finite(envelope) if found else envelope)
    if found:
        message = f"The report has {len(found)} fault{'s' if len(found) > 1 else ''}."
        raise Refused(422, "invalid", message, found[:FAULTS_SHOWN])
    unknown = list(islice(_unknown(envelope, _SCHEMA, ""), FAULTS_SHOWN))
    if not unknown:
        return []
    scrubber = scrubber_of(envelope)
    paths = [scrubber.scrub(path)[:128] for path in unknown]
    return [f"{path}: unknown key, not kept" for path in paths]


def _unknown(value: Any, node: dict[str, Any], path: str) -> Iterator[str]:
    """Paths of keys that the format does not know (`runs[0].colour`), in document order."""
    if isinstance(value, dict) and "properties" in node:
        for key, item in value.items():
            place = f"{path}.{key}" if path else key
            if key in node["properties"]:
                yield from _unknown(item, node["properties"][key], place)
            else:
                yield place
    elif isinstance(value, list) and "items" in node:
        for index, item in enumerate(value):
            yield from _unknown(item, node["items"], f"{path}[{index}]")


def _schema_faults(envelope: dict[str, Any]) -> Iterator[dict[str, str]]:
    for error in _VALIDATOR.iter_errors(envelope):
        yield {"path": _path(error.instance_path), "message": _shortened(error.message)}
    experiment = envelope.get("experiment")
    if isinstance(experiment, dict):
        yield from _experiment_faults(experiment, envelope.get("runs"))


def _shortened(message: str) -> str:
    """Whole at its end: the value that is refused stands first, what it should be last."""
    return message if len(message) <= 200 else f"{message[:60]}…{message[-139:]}"


def _finite(value: Any) -> Any:
    """The envelope with what `faults` has named already taken out, so that the schema names it no
    second time.
    """
    if isinstance(value, dict):
        return {_finite(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return None
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return value


def _path(parts: list[str | int]) -> str:
    path = ""
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _experiment_faults(experiment: dict[str, Any], runs: Any) -> Iterator[dict[str, str]]:
    """The indexes of an experiment's arms must be runs of this report."""
    count = len(runs) if isinstance(runs, list) else 0
    arms = experiment.get("arms")
    for number, arm in enumerate(arms if isinstance(arms, list) else []):
        indexes = arm.get("runs") if isinstance(arm, dict) else None
        for index in indexes if isinstance(indexes, list) else []:
            if isinstance(index, int) and index >= count:
                path = f"experiment.arms[{number}].runs"
                yield {"path": path, "message": f"there is no run {index}"}
