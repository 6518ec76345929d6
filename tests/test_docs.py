"""Documentation that is held to the code: every setting has its line."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_every_setting_has_its_line() -> None:
    source = (ROOT / "registry/settings.py").read_text() + (ROOT / "registry/env.py").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', source)) | set(
        re.findall(r' text\("([A-Z_]+)"\)', source)
    )
    documented = set(
        re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE)
    )
    assert len(read) > 10
    assert read <= documented, f"no line in docs/settings.md for {read - documented}"
    assert documented - {"PORT"} <= read, (
        f"docs/settings.md names {documented - read}, which nothing reads"
    )
