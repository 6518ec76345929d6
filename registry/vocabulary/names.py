"""Facts in the names that people know: what pages and charts print for a factor's identifier."""

from typing import Any

from registry.vocabulary import clouds, distributions, virtualization


def display(factor: str, value: Any) -> str:
    """`virtualization`, `none` → `bare metal`; `os`, `rhel 9` → `RHEL 9`; others as they are."""
    text = str(value)
    if factor in ("virtualization", "container"):
        return virtualization.display(text)
    if factor == "virtualization_mode":
        return virtualization.MODES.get(text, text)
    if factor == "provider":
        return clouds.display(text)
    return distributions.display(text) if factor == "os" else text
