"""Draws the charts of docs/gallery.md and of the README anew, `python docs/gallery.py`: those of
the gallery from the made-up registry that it names, the README's from the seed data. Look at what
comes out before it is committed.
"""

import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

IMAGES = ROOT / "docs/images"
PUBLIC_URL, PUBLIC_URL_OF_README = "https://crr.example", "http://127.0.0.1:8000"
REPORTS_LOOKED_AT = 20
_SECTION = re.compile(
    r"```json\n(?P<body>.*?)\n```\n\n!\[[a-z]+\]\(images/(?P<image>.*?)\)\n\n```text\n.*?```",
    re.DOTALL,
)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(DATA_DIR=folder, PUBLIC_URL=PUBLIC_URL_OF_README)
        os.environ["DJANGO_SETTINGS_MODULE"] = "registry.settings"
        import django
        from django.conf import settings
        from django.core.management import call_command

        django.setup()
        from charts.pipeline import ensure_defaults
        from submissions.importers.run import bring_up_to_date

        call_command("migrate", verbosity=0)
        call_command("load_seed")
        bring_up_to_date()
        ensure_defaults()
        with edited(ROOT / "README.md") as readme:
            text = drawn_default("xen-users")
            readme[0] = re.sub(
                r"(<!-- chart: .*? -->\n```text\n).*?```",
                lambda found: f"{found[1]}{text}```",
                readme[0],
                flags=re.DOTALL,
            )
        call_command("flush", verbosity=0, interactive=False)
        settings.PUBLIC_URL = PUBLIC_URL
        call_command("sample_registry", reports=600, seed=1, verbosity=0)
        with edited(ROOT / "docs/gallery.md") as gallery:
            gallery[0] = _SECTION.sub(section, gallery[0])
            post = drawn({"kind": "bars", **asked(gallery[0])}, "post.txt")
            before, _, rest = gallery[0].partition("## For a post")
            told = re.sub(
                r"```text\n.*?```", lambda _: f"```text\n{post}```", rest, flags=re.DOTALL
            )
            gallery[0] = f"{before}## For a post{told}"


@contextmanager
def edited(path: Path) -> Iterator[list[str]]:
    """The text of a file, in a list of one, written back when its chart is drawn."""
    text = [path.read_text(encoding="utf-8")]
    yield text
    path.write_text(text[0], encoding="utf-8")


def asked(gallery: str) -> dict[str, Any]:
    """The parameters of the gallery's first chart."""
    found = _SECTION.search(gallery)
    assert found
    body: dict[str, Any] = json.loads(found["body"])
    return body


def section(found: re.Match[str]) -> str:
    body = json.loads(found["body"])
    if "report" in body:
        body["report"] = busy_report()
    text = drawn(body, "txt", found["image"])
    name = body.get("kind", "bars")
    return (
        f"```json\n{json.dumps(body)}\n```\n\n![{name}](images/{found['image']})\n\n"
        f"```text\n{text}```"
    )


def drawn_default(slug: str) -> str:
    from charts.models import Chart
    from charts.pipeline import address_of, forms, spec_of
    from registry.models import Generation

    found = forms(spec_of(Chart.objects.get(slug=slug), Generation.current()), address_of(slug))
    (IMAGES / f"{slug}.png").write_bytes(found["png"])
    return found["txt"].decode()


def drawn(body: dict[str, Any], ending: str, image: str = "") -> str:
    """One text form of the chart of these parameters; its picture goes where `image` says."""
    from charts.models import Chart
    from charts.params import ChartParams
    from charts.pipeline import address_of, forms, spec_of
    from registry.models import Generation

    chart, _ = Chart.objects.save_comparison(ChartParams.from_dict(body))
    found = forms(spec_of(chart, Generation.current()), address_of(chart.slug))
    if image:
        (IMAGES / image).write_bytes(found["png"])
    return found[ending].decode()


def busy_report() -> str:
    """The report with the most runs and CPUs among the first ones."""
    from charts.models import Chart
    from charts.params import ChartParams
    from charts.pipeline import spec_of
    from registry.models import Generation, RawReport

    ids = RawReport.objects.order_by("pk").values_list("public_id", flat=True)

    def n_bars(public_id: str) -> int:
        asked = ChartParams.from_dict({"kind": "cpus", "report": public_id})
        spec = spec_of(Chart(slug="x", params=asked.as_dict()), Generation.current())
        return len(spec.panels) * len(spec.rows)

    return str(max(ids[:REPORTS_LOOKED_AT], key=n_bars))


if __name__ == "__main__":
    main()
