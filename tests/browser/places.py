"""A registry in which every page has something to say, and the addresses of its pages."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.test import Client

from charts.freezing import freeze
from charts.models import Chart, Drawing
from charts.pipeline import draw, ensure_defaults
from registry import effects
from registry.models import RawReport
from registry.models.summary import summarise
from submissions import moderation, seed, withdrawal
from submissions.accounts import holdings
from submissions.accounts.models import Account, ApiToken, Claim
from tests import reports
from tests.registry.test_effects import send_experiment

ANY_KERNEL = (
    "/leaderboard/?placement=any&streams=any&group_by=virtualization,kernel_release,cpu_model"
)
LONG = "An unreasonably long name of a processor " * 6
CPUS = [
    {"cpu": 0, "busy_percent": 97.6, "softirq_percent": 41.2, "steal_percent": 0.0},
    {"cpu": 1, "busy_percent": 3.2, "softirq_percent": 1.0, "steal_percent": 0.5},
]
COMPARED = {"a.virtualization": "none", "b.virtualization": "kvm"}


@dataclass(frozen=True)
class Registry:
    """Public ids of reports by the state that a page has words for, and who may moderate."""

    url: str
    ids: dict[str, str]
    charts: list[str]
    session: dict[str, str]

    @property
    def measured(self) -> str:
        return self.ids["measured"]


def filled(url: str) -> Registry:
    seed.load()
    client = Client()
    ids = {}
    for number, rate in enumerate((22000, 23000, 24000, 35000, 35500, 36000)):
        kind = "kvm" if rate < 30000 else "none"
        runs = [reports.run(rate + more, telemetry={"cpu": CPUS}) for more in (0, 100, 200)]
        last = _send(client, *runs, virtualization={"type": kind}, number=number + 1)
        ids["measured"] = last
    for ratio in (1.2, 1.22, 1.19):
        send_experiment(client, ratio)
    ids["experiment"] = RawReport.objects.latest("pk").public_id
    ids["flagged"] = _send(client, reports.run(900_000), number=90)
    ids["long"] = _send(client, reports.run(20_000), cpu={"model": LONG}, number=91)
    for number, state in enumerate(("held", "rejected", "withdrawn", "unlisted"), 92):
        ids[state] = _send(client, reports.run(21_000), number=number)
        report = RawReport.objects.get(public_id=ids[state])
        if state == "withdrawn":
            withdrawal.withdraw(report)
        elif state == "unlisted":
            withdrawal.edit(report, {"visibility": "unlisted"})
        else:
            moderation.act(report.pk, "hold" if state == "held" else "reject", "ada", "odd")
    while summarise():
        pass
    effects.refresh_findings()
    return Registry(url, ids, _charts(client, ids), _signed_in(client, url))


def _send(client: Client, *runs: dict[str, Any], number: int, **environment: Any) -> str:
    report = reports.envelope(
        *runs,
        machine_id=f"{number:032x}",
        environment=reports.environment(**environment),
        notes="x" * 300,
    )
    answer = client.post(
        "/api/v1/reports/", reports.as_bytes(report), content_type="application/json"
    )
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


def _charts(client: Client, ids: dict[str, str]) -> list[str]:
    """Pages of charts: live and frozen ones, of groups, a comparison and a report, a frame."""
    slugs = ["xen-users", "does-it-help"]
    for spec in (
        {"kind": "comparison", "compare": COMPARED},
        {"kind": "cpus", "report": ids["measured"]},
    ):
        answer = client.post("/api/v1/charts/", spec, "application/json")
        slugs.append(answer.json()["slug"])
    ensure_defaults()
    for slug in slugs:
        draw(Chart.objects.get(slug=slug).pk)
    frozen = freeze(Drawing.objects.get(chart__slug="xen-users"))
    return [*(f"/c/{slug}" for slug in slugs), f"/c/xen-users/{frozen.version}"]


def _signed_in(client: Client, url: str) -> dict[str, str]:
    """The cookie of somebody who moderates, and whose account has something of everything."""
    user = User.objects.create_superuser("ada", "ada@example.org")
    client.force_login(user)
    account = Account.of(user)
    for report in RawReport.objects.exclude(machine=None).select_related("machine"):
        Claim.objects.create(account=account, report=report)
        assert report.machine
        holdings.note(account, report.machine.public_id, "in the cellar")
    ApiToken.make(account, "cron", ["send"])
    return {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": url}


def addresses(registry: Registry) -> list[str]:
    pages = ["/", "/leaderboard/", ANY_KERNEL, "/leaderboard/?streams=x", "/reports/"]
    narrowed = ["/reports/?virtualization=kvm&conntrack=absent", "/reports/?colour=red"]
    told = [f"/r/{public_id}" for public_id in registry.ids.values()]
    read = [f"/r/{registry.ids[name]}/read" for name in ("measured", "flagged")]
    manage = [f"/r/{registry.ids[name]}/manage" for name in ("measured", "held")]
    platforms = ["", "cpu_model/", "virtualization/kvm/", "cpu_model/Test%20CPU%203000/"]
    answers = ["/costs/", "/effects/", "/effects/?factor=conntrack", "/kernels/", "/compare/"]
    found = ["/search/", "/search/?q=kvm+nope", "/search/?q=conntrack", "/compare/?q=kvm"]
    return [
        *(*pages, *narrowed, *told, *read, *manage, *answers, *found),
        f"/compare/?{urlencode(COMPARED)}",
        *(f"/platform/{rest}" for rest in platforms),
        *("/contribute/", "/submit/", "/method/", "/data/", "/status/", "/api/docs/"),
        *(*registry.charts, "/nowhere", "/account/sign-in", "/account/sign-up"),
    ]


def own_addresses(registry: Registry) -> list[str]:
    """Pages of who is signed in."""
    account = ("", "delete", "email", "sign-out", "passkey", "passkey/add")
    return [
        *(f"/account/{rest}" for rest in account),
        f"/r/{registry.measured}/manage",
    ]
