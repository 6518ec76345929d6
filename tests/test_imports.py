"""The one-way flow of docs/architecture.md, read from the imports of every module.

client → submissions → registry ← charts. A rule here prints its reason, so that a failure explains
itself.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
WIRING = {"registry/settings.py", "registry/urls.py", "registry/celery.py"}
CLIENT_FORMAT = {
    "crr_submit",
    "crr_submit.app_output",
    "crr_submit.netperf",
    "crr_submit.report",
    "crr_submit.fields",
}
PLOTTING = {"charts/marks.py", "charts/render_png_svg.py", "charts/style.py"}
NUMERIC = {"charts/render_png_svg.py", "charts/render_text.py", "charts/style.py"}
NO_DJANGO = (
    "registry/evidence/",
    "registry/vocabulary/",
    "registry/csv_table.py",
    "registry/refusal.py",
    "registry/env.py",
    "registry/storage_url.py",
    "submissions/decode.py",
    "submissions/validate.py",
    "submissions/redact.py",
    "submissions/privacy.py",
    "submissions/addresses.py",
    "submissions/host_lines.py",
    "submissions/plain_words.py",
    "submissions/command.py",
    "submissions/recipe.py",
    "submissions/parsing.py",
    "submissions/normalise.py",
    "submissions/as_read.py",
    "submissions/filled_in.py",
    "submissions/system.py",
    "submissions/plausibility/",
    "submissions/read.py",
    "submissions/seed_row.py",
    "submissions/importers/item.py",
    "submissions/importers/sources.py",
    "submissions/importers/inputs.py",
    "submissions/importers/texts.py",
    "submissions/importers/envelopes.py",
    "submissions/importers/mbox.py",
    "submissions/importers/flent.py",
    "submissions/importers/pkb.py",
    "submissions/importers/records.py",
    "submissions/dump/chain.py",
    "submissions/dump/folder.py",
    "submissions/dump/records.py",
    "submissions/dump/tables.py",
    "charts/build.py",
    "charts/found.py",
    "charts/labels.py",
    "charts/layout.py",
    "charts/marks.py",
    "charts/params.py",
    "charts/beside.py",
    "charts/post.py",
    "charts/sentence.py",
    "charts/spec.py",
    "charts/style.py",
    "charts/render_png_svg.py",
    "charts/render_text.py",
    "charts/embed.py",
)
DJANGO = {"django", "rest_framework", "drf_spectacular", "celery", "kombu", "registry.models"}


def modules(*folders: str) -> list[str]:
    return [
        str(path.relative_to(ROOT))
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "migrations" not in path.parts and "build" not in path.parts
    ]


def imports(module: str) -> Iterator[str]:
    """Dotted names a module imports, those inside functions too; `from a import b` counts as `a`
    and `a.b`.
    """
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute, so that a grep finds them"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


SERVER = modules("registry", "submissions", "charts")


def test_the_rules_see_the_code() -> None:
    assert len(SERVER) > 50
    assert any(within(name, "registry") for name in imports("submissions/intake.py"))


@pytest.mark.parametrize("module", SERVER)
def test_packages_import_one_way(module: str) -> None:
    if module in WIRING:
        return
    package = module.split("/")[0]
    forbidden = {
        "registry": {"submissions", "charts"},
        "submissions": {"charts"},
        "charts": {"submissions"},
    }[package]
    wrong = {name for name in imports(module) for other in forbidden if within(name, other)}
    assert not wrong, (
        f"{module} imports {wrong}: {package} must not know them, so each can change alone"
    )


@pytest.mark.parametrize("module", SERVER)
def test_the_server_imports_the_format_and_nothing_else_of_the_client(module: str) -> None:
    names = {name for name in imports(module) if within(name, "crr_submit")}
    wrong = {
        n
        for n in names
        if not any(within(n, allowed) for allowed in CLIENT_FORMAT - {"crr_submit"})
    }
    assert wrong <= {"crr_submit"}, (
        f"{module} imports {wrong}: only the shared format is the server's"
    )


@pytest.mark.parametrize("module", modules("client/src"))
def test_the_client_is_standard_library_only(module: str) -> None:
    allowed = sys.stdlib_module_names | {"crr_submit"}
    wrong = {name for name in imports(module) if name.split(".")[0] not in allowed}
    assert not wrong, (
        f"{module} imports {wrong}: it runs on other people's servers, with nothing else there"
    )


@pytest.mark.parametrize("module", SERVER)
def test_only_renderers_know_matplotlib(module: str) -> None:
    wrong = {name for name in imports(module) if within(name, "matplotlib")}
    assert module in PLOTTING or not wrong, (
        f"{module} imports {wrong}: everything else reads the spec"
    )


@pytest.mark.parametrize("module", SERVER)
def test_only_evidence_and_renderers_know_numpy_and_scipy(module: str) -> None:
    wrong = {name for name in imports(module) if within(name, "numpy") or within(name, "scipy")}
    home = module in NUMERIC or module.startswith("registry/evidence/")
    assert home or not wrong, (
        f"{module} imports {wrong}: statistics are pure functions in registry.evidence"
    )


@pytest.mark.parametrize("module", [m for m in SERVER if m.startswith(NO_DJANGO)])
def test_pure_stages_do_not_import_django(module: str) -> None:
    wrong = {name for name in imports(module) for package in DJANGO if within(name, package)}
    assert not wrong, (
        f"{module} imports {wrong}: a pure stage is tested and re-run without a database"
    )
