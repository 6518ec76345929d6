"""Every page in lynx, 80 columns wide: what it is about is there, in an order that can be read."""

import os
import re
import subprocess
from typing import Any

import pytest

from tests import installed
from tests.browser.places import Registry, addresses, filled

PAGES = "Leaderboard Cost Effects Platforms Compare Chart Reports Submit Contribute Search Method"
# What each page must say, blanks as one: figures beside what they are figures of.
SAID = {
    "/": (
        "How many new TCP connections a second can a host accept?",
        "What does a hypervisor cost?",
        "Bar chart: netperf transactions per second",
        "python3 crr-submit.pyz",
        "Test CPU 3000 : TCP_CRR 36,100 trans/s 3 runs",
    ),
    "/leaderboard/": (
        "Rank Hypervisor Kernel trans/s 95 % interval Hosts Runs",
        "bare metal 6.12 35,600",
        "KVM 6.12",
    ),
    "/reports/": ("Test CPU 3000 : TCP_CRR 36,100 trans/s", "an experiment"),
    "/reports/?virtualization=kvm&conntrack=absent": (
        "hypervisor KVM, conntrack absent",
        "24,100 trans/s",
    ),
    "/r/{measured}": (
        "36,100 trans/s 95 % interval",
        "1 36,000 5.00",
        "what netperf printed",
        "The nearest better host",
        "CPU Busy softirq steal 0 98 % 41 % 0 %",
        "conntrack absent",
    ),
    "/r/{experiment}": (
        "An experiment: rps.lo 0 → 3",
        "× 1.19 on this host",
        "5.00 2026-11-22 23:51:53 rps.lo 3",
    ),
    "/r/{measured}/read": ("THROUGHPUT=36000.00 ✓ TCP_CRR 36,000",),
    "/r/{withdrawn}": ("This report was withdrawn",),
    "/r/{held}": ("Held since", "odd"),
    "/r/{measured}/manage": ("Claim token", "(save) Save notes and listing", "[ ] I want to"),
    "/costs/": ("Platform To bare metal 95 % interval KVM 1.62",),
    "/effects/": ("Setting Ratio 95 % interval rps.lo 1.20", "0 → 3. Helps. 3 machines, 9 blocks"),
    "/effects/?factor=conntrack": ("Only: conntrack", "No experiment has been sent yet."),
    "/compare/?a.virtualization=none&b.virtualization=kvm": (
        "Hypervisor a: bare metal b: KVM",
        "b is 0.95 × a",
        "a bare metal 35,600 trans/s",
    ),
    "/platform/": ("Hypervisor * KVM",),
    "/platform/virtualization/kvm/": (
        "rps.lo 1.20",
        "0 → 3. 3 machines, 3 of them here.",
        "half below 2",
    ),
    "/search/?q=conntrack": ("Does conntrack help?",),
    "/contribute/": (
        "netperf -t TCP_CRR -H 127.0.0.1 -l 10 > report.txt",
        "Never sent: host names",
    ),
    "/method/": ("From runs to a row 1. Rates are positive",),
    "/data/": ("/api/v1/results/ (CSV)",),
    "/status/": ("published 2",),
    "/api/docs/": ("quota_reached is of the day", "POST /api/v1/reports/"),
    "/c/xen-users": ("TCP_CRR, TCP_RR, UDP_RR by kernel and hypervisor", "6.12 bare metal"),
    "/submit/": ("(read) Read it",),
    "/account/sign-in": ("E-mail address", "Send me a code"),
}


@pytest.fixture
def registry(site: str) -> Registry:
    return filled(site)


def lynx(address: str) -> str:
    """The page as it stands in 80 columns."""
    options = ["-dump", "-nolist", "-width=80", "-display_charset=UTF-8"]
    done = subprocess.run(
        [installed.require("lynx", "lynx"), *options, address],
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        check=False,
    )
    return done.stdout.decode(errors="replace")


@pytest.mark.django_db(transaction=True)
def test_lynx_shows_what_every_page_is_about(registry: Registry) -> None:
    said = {address.format(**registry.ids): texts for address, texts in SAID.items()}
    every = addresses(registry)
    assert said.keys() <= set(every)
    missing: list[Any] = []
    for address in every:
        shown = lynx(registry.url + address)
        text = " ".join(shown.split())
        wanted = said.get(address, ())
        missing += [(address, each) for each in wanted if each not in text]
        navigation = re.findall(r"(?m)^ {5}\* (\w+)$", shown)
        missing += [(address, navigation)] if navigation[:11] != PAGES.split() else []
        main = text[text.find("Method") : text.rfind("Search ____")]
        missing += [(address, "little")] if len(main) < 100 else []
        # Nothing that only a picture would say, no link of which nobody could tell where it leads.
        missing += re.findall(r"\[(?:INLINE|IMAGE)\]|\b(?:click )?here\b(?= \.)", main)
    assert missing == []
