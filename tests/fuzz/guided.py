"""One coverage-guided fuzzer: `python -m tests.fuzz.guided TARGET LIBFUZZER-OPTION...`.

atheris counts the branches of our code as the inputs go through it, and libFuzzer changes the
inputs towards new ones. Faults go to `findings`, so that one does not end the run.
"""

import json
import random
import sys
from collections.abc import Iterator
from typing import Any

import atheris

# What is imported here is counted; libraries are not.
with atheris.instrument_imports(
    include=["crr_submit.netperf", "submissions", "registry.safe_json"]
):
    import django

    django.setup()
    from crr_submit import netperf
    from submissions.privacy import scrub
    from tests.fuzz import invariants

from tests.fuzz.findings import Findings
from tests.fuzz.growth import check_growth

GROWN_EVERY = 4096  # inputs; growing one takes as long as reading a thousand


def check_parse(body: bytes) -> None:
    invariants.check_parsing(body.decode("utf-8", "replace"))


def check_intake(body: bytes) -> None:
    is_json = body.startswith(b"{")
    invariants.check_intake(body, "application/json" if is_json else "text/plain")
    if not is_json:
        invariants.check_scrubbing(body.decode("utf-8", "replace"))


def check_time(body: bytes) -> None:
    text = body.decode("utf-8", "replace")
    check_growth("parse", netperf.parse, text)
    check_growth("scrub", scrub, text)


CHECKS = {"parse": check_parse, "intake": check_intake}


def mutate_leaf(body: bytes, most: int, seed: int) -> bytes:
    """A change inside of an envelope: libFuzzer's own, made to one of its texts or numbers. Any
    other body, and one in four envelopes, is changed as bytes.
    """
    chance = random.Random(seed)
    try:
        envelope = json.loads(body) if chance.random() < 0.75 else None
    except ValueError:
        envelope = None
    places = list(_places(envelope))
    if not places:
        return bytes(atheris.Mutate(body, most))
    holder, key = chance.choice(places)
    holder[key] = _changed(holder[key], chance)
    return json.dumps(envelope, ensure_ascii=False).encode("utf-8", "replace")[:most]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each (object or list, key) in a JSON value."""
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, item in items:
        yield value, key
        yield from _places(item)


def _changed(value: Any, chance: random.Random) -> Any:
    if isinstance(value, str) and chance.random() < 0.9:
        seen = value.encode("utf-8", "replace")
        return atheris.Mutate(seen, len(seen) + 64).decode("utf-8", "replace")
    return chance.choice(
        [None, True, 0, -1, 1e308, 2**63, "", [], {}, "inf", "\x00", [value, value]]
    )


def main(target: str, options: list[str]) -> None:
    findings, timed = Findings(target, CHECKS[target]), Findings("time", check_time)
    count = 0

    def one_input(body: bytes) -> None:
        nonlocal count
        count += 1
        findings.try_body(body)
        if count % GROWN_EVERY == 0:
            timed.try_body(body)

    more = {"custom_mutator": mutate_leaf} if target == "intake" else {}
    atheris.Setup([sys.argv[0], *options], one_input, **more)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
