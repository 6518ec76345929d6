"""Reader of the vocabularies' data files, which stand beside this module. Called at import."""

import json
from importlib.resources import files
from typing import Any


def load(name: str) -> dict[str, Any]:
    """The content of `<name>.json`."""
    text = files(__package__).joinpath(f"{name}.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def spoken(entries: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Every way to say a name, in lower case → its identifier. An identifier and a display name
    are ways to say it.
    """
    return {
        said.lower(): identifier
        for identifier, entry in entries.items()
        for said in (identifier, entry["name"], *entry.get("aliases", ()))
    }
