"""What the registry stands on, for scanners: a CycloneDX list of every pinned package with its
digests and licence, from requirements.txt and what is installed. `make sbom` writes it.
"""

import json
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

PINNED = Path(__file__).resolve().parent.parent / "requirements.txt"


def components(text: str) -> Iterator[dict[str, Any]]:
    """One for each pin of a requirements.txt with hashes."""
    for pin in re.split(r"\n(?=\S)", text.strip()):
        name, version = re.match(r"([\w.-]+)==([\w.]+)", pin).groups()  # type: ignore[union-attr]
        hashes = re.findall(r"sha256:([0-9a-f]{64})", pin)
        found: dict[str, Any] = {
            "type": "library",
            "name": name,
            "version": version,
            "purl": f"pkg:pypi/{name}@{version}",
            "hashes": [{"alg": "SHA-256", "content": digest} for digest in hashes],
        }
        licence = _licence(name)
        yield found | ({"licenses": [{"license": {"name": licence}}]} if licence else {})


def _licence(name: str) -> str:
    """As the package itself says; empty where it is not installed or says nothing."""
    try:
        said = metadata(name)
    except PackageNotFoundError:
        return ""
    classified = [
        line.rpartition(" :: ")[2]
        for line in said.get_all("Classifier", [])
        if line.startswith("License :: ")
    ]
    text = said.get("License-Expression") or (classified or [said.get("License") or ""])[0]
    return str(text).splitlines()[0][:100] if text else ""


def main() -> None:
    listed = list(components(PINNED.read_text()))
    head = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1}
    json.dump({**head, "components": listed}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
