"""What strangers wrote, in a real browser: nothing of it runs."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from charts.models import Chart
from charts.pipeline import draw, ensure_defaults
from registry.models.summary import summarise
from tests import reports
from tests.browser.conftest import read, site  # noqa: F401 - fixtures
from tests.faults import times

Figure = Callable[[str], None]
RUN = "name='RUN'"  # the name of the window outlives the page
HANDLERS = ("onerror", "onload", "onclick", "onmouseover", "onfocus", "onanimationstart")
TAGS = (
    "<script>{run}</script>",
    "</title><script>{run}</script>",
    "</textarea><script>{run}</script>",
    "--><script>{run}</script>",
    "]]><script>{run}</script>",
    "<svg onload={run}>",
    "<svg><script>{run}</script></svg>",
    "<math><mtext><script>{run}</script></mtext></math>",
    "<iframe srcdoc='<script>parent.{run}</script>'>",
    "<iframe src=javascript:parent.{run}>",
    "<object data=javascript:{run}>",
    "<embed src=javascript:{run}>",
    "<a href=javascript:{run}>x</a>",
    "<form action=javascript:{run}><button>x</button></form>",
    "<base href=javascript:{run}//>",
    "<meta http-equiv=refresh content='0;url=javascript:{run}'>",
    "<link rel=stylesheet href=data:text/css,*{{x:expression({run})}}>",
    "<style>@import 'javascript:{run}'</style>",
    "<template><script>{run}</script></template>",
    "<noscript><p title='</noscript><script>{run}</script>'>",
    "';{run};//",
    '";{run};//',
    "`${{{run}}}`",
    "\\x3cscript>{run}\\x3c/script>",
    "&lt;script&gt;{run}&lt;/script&gt;",
    "%3Cscript%3E{run}%3C/script%3E",
    "{{{{{run}}}}}",
    "{{% load x %}}{run}",
    "<!--><script>{run}</script>",
    "<p hx-get='/' hx-trigger=load hx-on::after-request={run}>",
)
HOSTILE = (
    *(tag.format(run=RUN) for tag in TAGS),
    *(f"<img src=x {handler}={RUN}>" for handler in HANDLERS),
    *(f'"><img src=x {handler}={RUN}>' for handler in HANDLERS),
    *(f"' autofocus tabindex=0 {handler}={RUN} x='" for handler in HANDLERS),
    *(f"x {handler}={RUN} style=animation-name:x" for handler in HANDLERS),
    *(f"<details open {handler}={RUN}>" for handler in HANDLERS),
)


def hostile_report(text: str, number: int) -> dict[str, Any]:
    """A report that says `text` wherever one can be said."""
    environment = reports.environment(
        kernel={"release": text, "version": text, "architecture": text[:32]},
        os={"id": text, "version_id": text},
        virtualization={"type": text, "mode": text[:32], "version": text, "signals": {"x": text}},
        cloud={"provider": text, "instance_type": text, "region": text, "image": text},
        cpu={"model": text, "vendor": text, "online": 2},
        nic={"driver": text, "offloads": {}},
        clocksource=text,
        tuning={"conntrack": "absent", "net.core.somaxconn": text},
    )
    run = reports.run(20_000 + number, command=f"netperf -t TCP_CRR {text}", tool_version=text)
    return reports.envelope(run, environment=environment, notes=text)


@pytest.fixture
def written(site: str, client: Client) -> list[str]:  # noqa: F811
    """The ids of reports that say everything hostile."""
    chosen = HOSTILE[:: times(1, 5)]
    ids = []
    for number, text in enumerate(chosen):
        body = reports.as_bytes(hostile_report(text[:60], number))
        answer = client.post(
            "/api/v1/reports/", body, "application/json", REMOTE_ADDR=f"10.4.{number}.1"
        )
        assert answer.status_code == 201, answer.content
        ids.append(answer.json()["id"])
    summarise()
    ensure_defaults()
    for chart in Chart.objects.all():
        draw(chart.pk)
    return ids


def test_nothing_that_a_stranger_wrote_runs_on_any_page(
    written: list[str],
    read: Any,  # noqa: F811
    figure: Figure,
) -> None:
    reader = read()
    dialogs: list[str] = []

    def dismiss(dialog: Any) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    reader.page.on("dialog", dismiss)
    groups = "virtualization,kernel_release,cpu_model,instance_type"
    pages = [
        "/",
        "/reports/",
        "/leaderboard/?placement=any&streams=any&group_by=" + groups,
        "/effects/",
        "/costs/",
        "/kernels/",
        "/c/xen-users",
        "/c/xen-users.html",
        "/c/xen-users.svg",
        f"/compare/?a={written[0]}&b={written[-1]}",
        *(f"/r/{name}" for name in written),
        *(f"/search/?q={quote(text)}" for text in HOSTILE[:: times(1, 12)]),
    ]
    for address in pages:
        page = reader.open(address)
        assert page.evaluate("window.name") != "RUN", address
    assert dialogs == []
    assert [text for text in reader.complaints if "Refused to" in text or "RUN" in text] == []
    figure(f"{len(written)} texts in 18 fields each, {len(pages)} pages, nothing ran")


def test_raw_report_is_text_whatever_it_says(
    written: list[str],
    read: Any,  # noqa: F811
    client: Client,
) -> None:
    reader = read()
    for name in written:
        address = f"/api/v1/reports/{name}/raw/"
        answer = client.get(address)
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer["Content-Security-Policy"]
        page = reader.open(address)
        assert page.evaluate("window.name") != "RUN"
        assert page.evaluate("document.scripts.length") == 0
    assert json.loads(client.get(address).content)["report_version"] == 1
