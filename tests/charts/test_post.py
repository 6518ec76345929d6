"""A post stands without its picture: a sentence, a table, addresses; and real mail programs take
the draft.
"""

import os
import shutil
import subprocess
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charts.found import FoundRow
from charts.kinds import KINDS
from charts.post import draft, post
from charts.render_text import WIDTH
from charts.sentence import headline
from tests import installed
from tests.charts.test_kinds import drawn
from tests.charts.test_spec import HOSTILE, row, spec, value

LIVE = "https://crr.example/c/xen-users"
FROZEN = f"{LIVE}/0123456789ab"


def pair(low: float = 10_000.0, hosts: int = 4, **more: Any) -> list[FoundRow]:
    return [
        row(f"6.12 {name}", values={"TCP_CRR": value(rate, hosts)}, **more)
        for name, rate in (("KVM", 20_000.0), ("Xen", low))
    ]


def test_the_first_sentence_is_the_finding() -> None:
    assert headline(spec(*pair())) == (
        "TCP_CRR: 6.12 Xen, same CPU has 10.0k trans/s, 0.50 x the 20.0k of 6.12 KVM, same CPU "
        "(95 % interval 0.49 to 0.51)."
    )


def test_rows_of_other_recipes_have_no_ratio() -> None:
    kvm, xen = pair()
    other = row("6.12 Xen", recipe="unpinned", recipe_key=("unpinned",), values=xen.values)
    lines = post(spec(kvm, other), LIVE, None)
    assert "(ratio to" not in lines
    assert lines.startswith("TCP_CRR: from 10.0k trans/s with 6.12 Xen, unpinned to 20.0k with")


def test_the_table_has_spread_ratio_and_interval() -> None:
    lines = post(spec(*pair()), LIVE, None).splitlines()
    heads = next(line for line in lines if "+-sd" in line)
    assert heads.split() == ["rate", "+-sd", "95", "%", "CI", "hosts", "ratio", "95", "%", "CI"]
    (xen,) = (line for line in lines if line.endswith("  6.12 Xen, same CPU"))
    assert xen.split()[:6] == ["10.0k", "1%", "9.00-11.0", "4", "0.50", "0.49-0.51"]


def test_one_host_a_side_is_a_ratio_without_an_interval() -> None:
    assert "0.50 x the 20.0k of 6.12 KVM, same CPU (no interval)." in headline(spec(*pair(hosts=1)))


def test_a_post_says_what_differs_how_to_repeat_it_and_where_it_is() -> None:
    command = "netperf -t TCP_CRR -H 127.0.0.1 -l 10 -T 0,0 -- -r 1,1 -s 16384,131072 -S 16384"
    told = post(spec(*pair(), differs="hypervisor", repeats=(command,)), LIVE, FROZEN)
    assert "differs:   hypervisor\n" in told
    shell = told.split("reproduce: ")[1].split("\nget it")[0]
    assert shell.count(" \\\n") == 1
    assert shell.replace("\\\n", " ").split() == command.split()
    for address in (FROZEN, LIVE, f"{FROZEN}.png", f"{FROZEN}.csv"):
        assert f" {address}\n" in told
    assert "CC0-1.0" in told


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_makes_a_post_of_72_columns_of_ascii(kind: str) -> None:
    rows = [
        row(label, number, values={"TCP_CRR": value(0.5 + number, number)})
        for number, label in enumerate(HOSTILE, 1)
    ]
    for found in (rows, rows[:1], []):
        told = post(drawn(kind, *found), LIVE, FROZEN)
        assert told.isascii()
        assert all(line.isprintable() and len(line) <= WIDTH for line in told.splitlines())


@given(st.text(max_size=80), st.floats(0, 9.9e14), st.floats(0, 9.9e14), st.integers(1, 9))
def test_no_line_of_a_post_is_longer(label: str, rate: float, other: float, hosts: int) -> None:
    rows = [
        row(label, values={"TCP_CRR": value(rate, hosts)}),
        row(f"{label} b", values={"TCP_CRR": value(other, hosts)}),
    ]
    told = post(spec(*rows, differs=label), LIVE, None)
    assert told.isascii()
    assert all(line.isprintable() and len(line) <= WIDTH for line in told.splitlines())


def test_a_mail_program_reads_the_text_as_it_was_written() -> None:
    message = message_from_bytes(draft(spec(*pair()), LIVE), policy=default)
    assert message.get_content() == post(spec(*pair()), LIVE, None)
    assert message["Content-Transfer-Encoding"] == "7bit"


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    """A sendmail that keeps what it is given, as `sent` beside it."""
    program = tmp_path / "sendmail"
    program.write_text(f"#!/bin/sh\ncat > {tmp_path}/sent\n")
    program.chmod(0o755)
    (tmp_path / "draft.eml").write_bytes(draft(spec(*pair()), LIVE))
    return tmp_path


def run(outbox: Path, *command: str) -> None:
    alone = {**os.environ, "HOME": str(outbox), "GIT_CONFIG_GLOBAL": os.devnull}
    alone |= {"GIT_COMMITTER_NAME": "Me", "GIT_COMMITTER_EMAIL": "me@example.net"}
    alone |= {"GIT_AUTHOR_NAME": "Me", "GIT_AUTHOR_EMAIL": "me@example.net"}
    done = subprocess.run(
        command, cwd=outbox, env=alone, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_git_send_email_sends_the_draft(outbox: Path) -> None:
    if not Path("/usr/lib/git-core/git-send-email").exists():
        installed.skip_or_fail(installed.Missing("needs git send-email: apt-get install git-email"))
    asked = ("--confirm=never", "--suppress-cc=all", "--to=list@example.org")
    who = "--from=Me <me@example.net>"
    sendmail = f"--sendmail-cmd={outbox}/sendmail"
    run(outbox, "git", "send-email", *asked, who, sendmail, "draft.eml")
    sent = message_from_bytes((outbox / "sent").read_bytes(), policy=default)
    assert sent["Subject"] == "[netperf] TCP_CRR by kernel"
    assert sent.get_content() == post(spec(*pair()), LIVE, None)


def test_mutt_sends_the_draft(outbox: Path) -> None:
    if not shutil.which("mutt"):
        installed.skip_or_fail(installed.Missing("needs mutt: apt-get install mutt"))
    settings = outbox / "muttrc"
    settings.write_text(f'set sendmail="{outbox}/sendmail"\nset from=me@example.net\nset copy=no\n')
    run(outbox, "mutt", "-F", str(settings), "-H", "draft.eml", "list@example.org")
    sent = message_from_bytes((outbox / "sent").read_bytes(), policy=default)
    assert sent["Subject"] == "[netperf] TCP_CRR by kernel"
    assert sent.get_content().rstrip() == post(spec(*pair()), LIVE, None).rstrip()
