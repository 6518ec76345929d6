"""A report as text for a mailing list: US-ASCII, 72 columns, numbers first, and a draft mail of it.

In: the bytes of a report (an envelope or netperf's own text) and its address, if it has one. Every
number is read from netperf's output by the parser that the registry uses.
"""

import json
import math
import textwrap
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from crr_submit import app_output, paired, report
from crr_submit.terminal import counted

WIDTH = 72
HEADLINE = "TCP_CRR"
LEAST_FOR_INTERVAL = 3


@dataclass(frozen=True)
class Arm:
    """The runs of one kind: their rates in trans/s or bit/s, in the order they ran. `letter` is A
    or B in an experiment.
    """

    test: str
    streams: int
    placement: Optional[str]
    unit: str
    rates: Tuple[float, ...]
    letter: str = ""

    @property
    def rate(self) -> float:
        """Geometric mean; 0 when a run counted nothing."""
        if not all(rate > 0 for rate in self.rates):
            return 0.0
        return math.exp(math.fsum(map(math.log, self.rates)) / len(self.rates))

    @property
    def interval(self) -> Optional[Tuple[float, float]]:
        """95 % by Student's t on the logarithms; None below 3 runs."""
        if len(self.rates) < LEAST_FOR_INTERVAL or self.rate == 0:
            return None
        low, high = paired.interval([math.log(rate) for rate in self.rates])
        return math.exp(low), math.exp(high)

    @property
    def name(self) -> str:
        where = (self.placement or "placement unknown").replace("_", " ")
        return counted(self.streams, "stream") + ", " + where


def text(body: bytes, address: Optional[str] = None) -> str:
    """The block. Raises ValueError when the report holds no result."""
    envelope = _envelope(body)
    arms = _arms(envelope)
    if not arms:
        raise ValueError("there is no result of netperf or of crr-submit app in it")
    headline = next((arm for arm in arms if arm.test == HEADLINE), arms[0])
    tried = _tried(envelope, headline)
    lines = [*(tried or _headline(headline)), "", *_table(arms), *_ratio(arms), ""]
    facts = [*_letters(envelope), *_facts(envelope)]
    lines += [line for fact in facts for line in _wrapped(fact)]
    if address:
        lines += ["", "Report, raw data and charts:", address]
    return "".join(_ascii(line) + "\n" for line in lines)


def table(runs: Sequence[Mapping[str, Any]]) -> List[str]:
    """A row for each kind of run, as in the block, and how many runs are in none."""
    rows = list(_table(_arms({"runs": runs})))
    lost = sum(report.figure(run) is None for run in _counted({"runs": runs}))
    why = "%s without a figure: a stream has no result, or they did not run together"
    return rows + ([why % counted(lost, "run")] if lost else [])


def draft(block: str) -> str:
    """The block as a mail that git send-email and mutt take: plain text, nobody in To."""
    import email.policy  # only here: start-up time that nothing else needs
    from email.message import EmailMessage

    message = EmailMessage(policy=email.policy.default.clone(max_line_length=None))
    message["Subject"] = "[netperf] " + block.split("\n", 1)[0]
    message.set_content(block, charset="us-ascii", cte="7bit")
    return message.as_string()


def _headline(arm: Arm) -> List[str]:
    where = " (%s, %s)" % (arm.name, counted(len(arm.rates), "run"))
    return _wrapped("%s: %s %s%s" % (arm.test, _number(arm.rate), arm.unit, where))


def _tried(envelope: Mapping[str, Any], arm: Arm) -> List[str]:
    """What the experiment says, from its blocks; empty where these are not whole."""
    letters = _letter_of(envelope)
    figures = [report.transaction_rate(envelope["runs"][index]) for index in sorted(letters)]
    blocks = (envelope.get("experiment") or {}).get("blocks") or []
    order = "".join(letters[index] for index in sorted(letters))
    if len(blocks) < 2 or order != "".join(blocks) or not all(figures):
        return []
    found = paired.effect(blocks, [rate for rate in figures if rate]).overall
    values = (found.value, found.low, found.high, found.count, arm.test, arm.name)
    factor = envelope["experiment"]["factor"]
    return _wrapped("%s, B to A: x%.3g (%.3g - %.3g), %d blocks, %s (%s)" % (factor, *values))


def _letter_of(envelope: Mapping[str, Any]) -> Dict[int, str]:
    """The arm of each run of an experiment, by the run's index."""
    arms = (envelope.get("experiment") or {}).get("arms") or []
    indexes = {index: letter for letter, arm in zip("AB", arms) for index in arm.get("runs") or []}
    return {index: letter for index, letter in indexes.items() if index < len(envelope["runs"])}


def _letters(envelope: Mapping[str, Any]) -> Iterator[str]:
    experiment = envelope.get("experiment") or {}
    for letter, arm in zip("AB", experiment.get("arms") or []):
        yield "%-9s %s %s" % (letter + ":", experiment.get("factor"), arm.get("value"))


def _table(arms: Sequence[Arm]) -> Iterator[str]:
    row = "%-14s %7s  %-9s %4s %12s  %s"
    yield (row % ("test", "streams", "placement", "runs", "per second", "95 % interval")).rstrip()
    for arm in arms:
        bounds = arm.interval
        shown = "%s - %s" % tuple(map(_number, bounds)) if bounds else ""
        placement = (arm.placement or "?").replace("_", " ")
        test = (arm.letter + " " + arm.test).strip()[:14]
        cells = (test, arm.streams, placement, len(arm.rates), _number(arm.rate), shown)
        yield (row % cells).rstrip()


def _ratio(arms: Sequence[Arm]) -> Iterator[str]:
    """One unpinned stream against one on a single CPU: what waking idle CPUs costs here."""
    single = {arm.placement: arm for arm in arms if (arm.test, arm.streams) == (HEADLINE, 1)}
    pinned, loose = single.get("same_cpu"), single.get("unpinned")
    if pinned and loose and pinned.rate and loose.rate:
        yield ""
        yield "One stream, unpinned to same CPU: x%.2f" % (loose.rate / pinned.rate)


def _facts(envelope: Mapping[str, Any]) -> Iterator[str]:
    environment = envelope.get("environment") or {}
    kernel, cpu = environment.get("kernel") or {}, environment.get("cpu") or {}
    system, cloud = environment.get("os") or {}, environment.get("cloud") or {}
    virtual = environment.get("virtualization") or {}
    kind = "bare metal" if virtual.get("type") == "none" else virtual.get("type")
    rows = (
        ("kernel", [kernel.get("release"), kernel.get("architecture")]),
        ("system", [system.get("id"), system.get("version_id")]),
        ("runs on", [kind, virtual.get("mode"), virtual.get("version"), virtual.get("container")]),
        ("instance", [cloud.get("provider"), cloud.get("instance_type")]),
        ("CPU", [cpu.get("model"), "%s online" % cpu["online"] if cpu.get("online") else None]),
        ("clock", [environment.get("clocksource")]),
    )
    for name, values in rows:
        known = [str(value) for value in values if value]
        if known:
            yield "%-9s %s" % (name + ":", ", ".join(known))
    headline = next((run["command"] for run in _counted(envelope) if _is_headline(run)), None)
    if headline:
        # What follows "--" only chooses what netperf prints.
        yield "command:  " + headline.partition(" -- ")[0]


def _counted(envelope: Mapping[str, Any]) -> List[Mapping[str, Any]]:
    return [run for run in envelope["runs"] if not run.get("warm_up") and not run.get("partial")]


def _is_headline(run: Mapping[str, Any]) -> bool:
    command = run.get("command") or ""
    return "-t " + HEADLINE in command or run.get("tool") in (
        "crr-submit app",
        *app_output.GENERATORS,
    )


def _envelope(body: bytes) -> Mapping[str, Any]:
    """The envelope, or one around raw text, whose results are a run each."""
    content = body.decode("utf-8", "replace")
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict) and isinstance(value.get("runs"), list):
        return value
    return {"runs": [{"text": content}]}


def _arms(envelope: Mapping[str, Any]) -> List[Arm]:
    """Runs of one kind together; of raw text every result by itself, since nothing says that two
    of them are alike. Of an experiment, those of its arms.
    """
    alike: Dict[Tuple[str, int, Optional[str], str, str], List[float]] = {}
    arms = []
    letters = _letter_of(envelope)
    for index, run in enumerate(envelope["runs"]):
        if run.get("warm_up") or run.get("partial") or (letters and index not in letters):
            continue
        for result in report.parse(run.get("text") or "").results:
            arms.append(Arm(result.test, 1, None, result.unit, (result.value,)))
        found = report.figure(run)
        if found:
            streams = run.get("streams") or _concurrency(run) or len(run["outputs"])
            letter = letters.get(index, "")
            kind = (found.test, streams, run.get("placement"), found.unit, letter)
            alike.setdefault(kind, []).append(found.rate)
    arms += [Arm(*kind[:4], tuple(rates), kind[4]) for kind, rates in alike.items()]
    return sorted(arms, key=_rank)


def _rank(arm: Arm) -> Tuple[bool, str, int, bool, str]:
    """The headline, which is one stream on one CPU, comes first."""
    where = arm.placement != "same_cpu"
    return arm.test != HEADLINE, arm.test, arm.streams, where, arm.letter


def _concurrency(run: Mapping[str, Any]) -> Optional[int]:
    """Requests under way at once, which are what streams are to netperf."""
    found = app_output.read(str(run["outputs"][0]))
    return found.concurrency if found else None


def _number(value: float) -> str:
    """Three significant digits with commas; giga and mega for bit rates of that size."""
    if value >= 1e9:
        return "%.3gG" % (value / 1e9)
    return "{:,.0f}".format(float("%.3g" % value)) if value >= 100 else "%.3g" % value


def _wrapped(line: str) -> List[str]:
    return textwrap.wrap(line, WIDTH, subsequent_indent=" " * 10, break_on_hyphens=False) or [""]


def _ascii(line: str) -> str:
    """Printable US-ASCII: anything else becomes a question mark, and cannot steer a terminal."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in line)
