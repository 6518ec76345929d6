"""The pages that answer (/costs/, /effects/, /compare/) as a reader has them: on a phone and on a
screen, light and dark, with and without JavaScript, by keyboard.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from registry.models.summary import summarise
from tests import reports
from tests.browser.reader import FAINT, SIDEWAYS, Reader
from tests.registry.test_effects import send_experiment

Read = Callable[..., Reader]
LONG = "An unreasonably long name of a processor " * 5
# What a keyboard must reach: links, controls, and what scrolls within its own frame.
CONTROLS = "a[href], button, input, select, summary, [tabindex='0']"
REACHED = """() => {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const style = getComputedStyle(element);
  element.dataset.reached = "yes";
  const width = element.getBoundingClientRect().width;
  return [element.outerHTML.slice(0, 80), style.outlineStyle, width];
}"""


@dataclass(frozen=True)
class Facts:
    """Two reports of one recipe."""

    a: str
    b: str


@pytest.fixture
def facts(site: str) -> Facts:
    """Three CPUs with bare metal and two hypervisors, an experiment, settings that differ."""
    client = Client()
    number = 0
    sent = []
    for kind, share in (("none", 1.0), ("kvm", 0.8), ("xen", 0.5)):
        for model in ("CPU of one kind", "CPU of another kind", LONG):
            for factor in (0.97, 1.0, 1.03):
                number += 1
                sent.append(_send(client, number, kind, model, 20_000 * share * factor))
    send_experiment(client, 1.2)
    send_experiment(client, 1.22)
    send_experiment(client, 1.19)
    while summarise():
        pass
    return Facts(sent[0], sent[-1])


def _send(client: Client, number: int, kind: str, model: str, rate: float) -> str:
    environment = reports.environment(
        virtualization={"type": kind, "role": "host" if kind == "none" else "guest"},
        cpu={"model": model, "vendor": "Test", "online": 4},
        clocksource="tsc" if number % 2 else "hpet",
        tuning={f"net.ipv4.setting_{each}": number % 2 for each in range(14)},
    )
    runs = [reports.run(rate * factor) for factor in (0.99, 1.0, 1.01)]
    report = reports.envelope(*runs, environment=environment, machine_id=f"{number:032x}")
    answer = client.post(
        "/api/v1/reports/",
        reports.as_bytes(report),
        content_type="application/json",
        REMOTE_ADDR=f"10.5.{number}.1",
    )
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


def addresses(facts: Facts) -> list[str]:
    return [
        "/costs/",
        "/costs/?streams=x",
        "/costs/?streams=64",
        "/effects/",
        "/effects/?factor=rps.lo",
        "/effects/?factor=none%20such",
        "/compare/",
        "/compare/?a.virtualization=none&b.virtualization=kvm",
        f"/compare/?a={facts.a}&b={facts.b}",
        "/compare/?a.virtualization=none&b.cpus=many&streams=x",
        "/compare/?a=aaaaaaaaaaaaaaaa&b=bbbbbbbbbbbbbbbb",
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_pages_fit_are_legible_and_complain_of_nothing(
    read: Read, facts: Facts, width: int, scheme: str
) -> None:
    reader = read(width=width, scheme=scheme)
    for address in addresses(facts):
        page = reader.open(address)
        assert page.locator("h1").count() == 1, address
        assert page.evaluate(SIDEWAYS) <= 0, address
        assert page.evaluate(FAINT) == [], address
        page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
        assert page.evaluate(SIDEWAYS) <= 0, address
        assert page.evaluate(FAINT) == [], address
        assert reader.violations() == [], address
    assert reader.complaints == []


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize(
    "address", ["/costs/", "/effects/", "/compare/?a.virtualization=none&b.virtualization=kvm"]
)
def test_every_control_is_reached_by_keyboard_and_seen_to_be(
    read: Read, facts: Facts, address: str, width: int
) -> None:
    page = read(width=width).open(address)
    seen = 0
    for _ in range(page.locator(CONTROLS).count() + 1):
        page.keyboard.press("Tab")
        reached = page.evaluate(REACHED)
        if reached is None:
            break
        html, outline, box_width = reached
        assert outline == "solid", html
        assert box_width > 0, html
        seen += 1
    missed = page.locator(CONTROLS).evaluate_all(
        "all => all.filter(e => e.checkVisibility() && !e.dataset.reached).map(e => e.outerHTML)"
    )
    assert missed == []
    assert seen > 10


@pytest.mark.parametrize("with_scripts", [True, False])
def test_groups_are_compared_by_a_form_whose_address_can_be_sent_on(
    read: Read, facts: Facts, with_scripts: bool
) -> None:
    reader = read(width=360, javascript=with_scripts)
    page: Any = reader.open("/compare/")
    form = page.get_by_role("form", name="Two groups")
    group_a, group_b = (form.get_by_role("group", name=f"Group {side}") for side in "ab")
    choice(group_a, "Hypervisor").select_option(label="bare metal")
    choice(group_b, "Hypervisor").select_option(label="KVM")
    group_b.locator("summary").press("Enter")
    choice(group_b, "Clock source").select_option("tsc")
    form.get_by_role("button", name="Compare groups").press("Enter")
    text = page.locator("main").inner_text()
    assert text.index("Verdict: observational") < text.index("Clock source") < text.index("× a")
    address = urlsplit(page.url)
    assert "=&" not in address.query
    again: Any = read(javascript=with_scripts).open(f"{address.path}?{address.query}")
    assert "× a" in again.get_by_role("heading", name="× a").inner_text()
    assert again.locator("select[name='b.clocksource']").input_value() == "tsc"
    assert reader.complaints == []


def choice(group: Any, name: str) -> Any:
    return group.get_by_role("combobox", name=name, exact=True)


def test_a_report_leads_to_its_comparison_with_another(read: Read, facts: Facts) -> None:
    page: Any = read(javascript=False).open(f"/r/{facts.a}")
    page.get_by_role("link", name="with another report").click()
    form = page.get_by_role("form", name="Two reports")
    assert form.get_by_label("Report a").input_value() == facts.a
    form.get_by_label("Report b").fill(f"https://registry.example/r/{facts.b}")
    form.get_by_role("button", name="Compare reports").click()
    assert page.url.endswith(f"/compare/?a={facts.a}&b={facts.b}")
    assert page.get_by_role("link", name=f"Report {facts.b}").is_visible()


def test_a_fault_is_told_at_its_field(read: Read, facts: Facts) -> None:
    page: Any = read().open("/compare/?a.virtualization=none&b.cpus=many")
    field = page.locator("select[name='b.cpus']")
    assert field.get_attribute("aria-invalid") == "true"
    assert field.is_visible()
    fault = page.locator("[id='fault-b.cpus']")
    assert "expected a whole number" in fault.inner_text()
