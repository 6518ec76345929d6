"""Rules about how a run was made: streams, placement, version, and what the kernel counted
meanwhile. No Django.
"""

from collections.abc import Iterator

from submissions.plausibility.subject import CONNECTION_TESTS, Subject, is_loopback

OTHER_CPUS_BUSY_PERCENT = 60.0
IDLE_CPU_PERCENT = 5.0
OPENED = ("ActiveOpens", "PassiveOpens")
COUNT_MARGIN = 0.9
RECEIVED_MARGIN = 1.01
WIDTH_MARGIN = 1.001


def streams_and_outputs(subject: Subject) -> Iterator[str]:
    """One output a stream."""
    for index, run in enumerate(subject.parsed.runs):
        streams = run.settings.get("streams")
        if streams and streams != len(run.outputs) and not run.settings.get("partial"):
            yield (
                f"runs[{index}]: {streams} streams, but {len(run.outputs)} outputs: send the "
                "output of every stream, or mark the run as partial"
            )


def placement(subject: Subject) -> Iterator[str]:
    """Placement against the load of each CPU (measuring.md 10: netperf takes -T and may not obey
    it).
    """
    for run in subject.runs:
        rows = (run.telemetry or {}).get("cpu") or []
        busy = sorted((row.get("busy_percent") or 0.0 for row in rows), reverse=True)
        if len(busy) < 2 or run.recipe["streams"] != 1 or not is_loopback(run):
            continue
        placed, others = run.recipe["placement"], sum(busy[1:])
        if placed == "same_cpu" and others > OTHER_CPUS_BUSY_PERCENT:
            yield (
                f"{subject.place_of(run)}: placed on one CPU, but the others were busy for "
                f"{others:.0f} % of a CPU: -T was not obeyed, or something else ran meanwhile"
            )
        elif placed == "cross_cpu" and busy[1] < IDLE_CPU_PERCENT:
            yield (
                f"{subject.place_of(run)}: placed on two CPUs, but only one was busy: -T was not "
                "obeyed"
            )


def connection_count(subject: Subject) -> Iterator[str]:
    """The kernel opened fewer connections than netperf says it made."""
    for run in subject.runs:
        if run.recipe["test"] not in CONNECTION_TESTS:
            continue
        made = sum(s.result.value * (s.result.elapsed_time_s or 0.0) for s in run.sources)
        counted = (run.telemetry or {}).get("netstat") or {}
        for name in OPENED:
            opened = counted.get(name)
            if opened is not None and opened < made * COUNT_MARGIN:
                yield (
                    f"{subject.place_of(run)}: rate x time are {made:,.0f} connections, but "
                    f"the kernel counted {opened:,.0f} ({name}): check the unit of the rate and "
                    "of the time"
                )


def tool_version(subject: Subject) -> Iterator[str]:
    """A version before 2.5 does not write MIGRATED into its banner."""
    for figure in subject.figures:
        # Where a version is given, the recipe's generation comes from it and not from the banner.
        if figure.result.migrated and figure.run.recipe["netperf_generation"] == "bsd":
            yield (
                f"{figure.place}: the version given for this run does not write MIGRATED, netperf "
                "2.5 was the first to: send the version that made the output (netperf -V)"
            )


def received_and_sent(subject: Subject) -> Iterator[str]:
    """A UDP stream loses, it does not make; 0 received is possible."""
    for figure in subject.figures:
        sent = figure.result.sent_value
        if sent is not None and figure.result.value > sent * RECEIVED_MARGIN:
            yield (
                f"{figure.place}: {figure.result.value:,.0f} bit/s arrived of {sent:,.0f} sent: "
                "are the two rows swapped?"
            )


def confidence_width(subject: Subject) -> Iterator[str]:
    """The interval is wider than the command asked for: netperf gave up."""
    for figure in subject.figures:
        width = figure.result.netperf_confidence_width_percent
        asked = figure.command.asked.confidence_width_percent
        if width is not None and asked is not None and width > asked * WIDTH_MARGIN:
            yield (
                f"{figure.place}: its interval is {width:g} % wide, and its command asked for "
                f"{asked:g}: more iterations (-i 30,10) or longer ones would narrow it"
            )
