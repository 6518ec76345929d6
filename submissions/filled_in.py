"""What the form of `/submit/` asks for, and the report that comes of it. No Django.

In: a pasted text and the fields of the form. Out: the bytes that go through intake: the text as it
is, or an envelope around it where the form says more.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crr_submit.fields import ENVELOPE
from registry.refusal import Refused
from registry.safe_json import utf8
from registry.vocabulary import clouds, virtualization
from submissions.as_read import kernel_release_in
from submissions.normalise import PASTED_WITH, NormalisedRun

_CHOICES = {field.path: field.choices for field in ENVELOPE}
_XEN_MODES = ("pv", "hvm", "pvhvm", "pvh", "dom0")


@dataclass(frozen=True)
class Field:
    """An input for what raw text does not say: its place in the envelope, and words for it."""

    path: str
    label: str
    example: str = ""
    choices: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()
    is_number: bool = False

    @property
    def name(self) -> str:
        return self.path.replace(".", "-")


def _of_run(name: str, label: str) -> Field:
    return Field(f"run.{name}", label, choices=tuple(_CHOICES[f"runs[].{name}"]))


_KERNEL = Field("environment.kernel.release", "Kernel release", "6.1.0-18-amd64")
FIELDS = (
    _KERNEL,
    Field("environment.os.id", "Distribution", "debian"),
    Field("environment.os.version_id", "Its version", "12"),
    Field(
        "environment.virtualization.type",
        "Runs on",
        "none is bare metal",
        suggestions=tuple(virtualization.HYPERVISORS),
    ),
    Field("environment.virtualization.mode", "Xen mode", choices=_XEN_MODES),
    Field("environment.cloud.provider", "Cloud", "aws", suggestions=tuple(clouds.PROVIDERS)),
    Field("environment.cloud.instance_type", "Instance type", "c5.xlarge"),
    Field("environment.cpu.model", "CPU model", "as /proc/cpuinfo prints it"),
    Field("environment.cpu.online", "CPUs", "2", is_number=True),
    _of_run("topology", "The two ends"),
    _of_run("placement", "CPUs of the ends"),
)


@dataclass(frozen=True)
class Input:
    """A field as the page shows it: what was given, and what the text itself says where nothing
    was.
    """

    field: Field
    value: str
    read: str = ""


def inputs(form: Mapping[str, str], runs: Sequence[NormalisedRun] = ()) -> list[Input]:
    """The fields with what the form holds; `runs` are what was read."""
    read = {f"run.{name}": _agreed(runs, name) for name in ("topology", "placement")}
    return [Input(field, form.get(field.name, ""), read.get(field.path, "")) for field in FIELDS]


def with_suggestions(form: Mapping[str, str], text: str) -> dict[str, str]:
    """The form, with what `uname` printed in the text where nothing else was given."""
    return {**form, _KERNEL.name: form.get(_KERNEL.name) or kernel_release_in(text)}


def is_filled_in(form: Mapping[str, str]) -> bool:
    """Whether somebody gave more than the text."""
    names = [*(field.name for field in FIELDS), "notes"]
    return any(form.get(name, "").strip() for name in names) or _visibility(form) != "public"


def _visibility(form: Mapping[str, str]) -> str:
    return "unlisted" if form.get("visibility") == "unlisted" else "public"


def _agreed(runs: Iterable[NormalisedRun], name: str) -> str:
    values = {run.recipe[name] for run in runs}
    return (values.pop() or "") if len(values) == 1 else ""


def report_of(body: bytes, form: Mapping[str, str]) -> bytes:
    """The bytes to send for a pasted raw text. Raises Refused 400 for what is not UTF-8, 422 for a
    fault of the form.
    """
    if not is_filled_in(form):
        return body
    said = {field: value for field in FIELDS if (value := form.get(field.name, "").strip())}
    tree: dict[str, Any] = {"run": {"outputs": [utf8(body)]}, "environment": {}}
    for field, value in said.items():
        *folders, name = field.path.split(".")
        place = tree
        for folder in folders:
            place = place.setdefault(folder, {})
        place[name] = _number(field, value) if field.is_number else value
    envelope = {
        "report_version": 1,
        "client": {"name": PASTED_WITH},
        "environment": tree["environment"],
        "runs": [tree["run"]],
        "notes": form.get("notes", "").replace("\r\n", "\n").strip() or None,
        "visibility": _visibility(form),
    }
    return json.dumps(envelope, ensure_ascii=False).encode()


def _number(field: Field, value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 5:
        fault = {"path": field.label, "message": "expected a whole number"}
        raise Refused(422, "invalid", "The form has a fault.", [fault])
    return int(value)
