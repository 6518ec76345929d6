"""What the fuzzer found: one small file a fault, in a folder that git ignores.

A fault is known by its rule or exception and by the line of our code that raised it, so that the
same one is written once. The input is made smaller first, by leaving lines and halves out.
"""

import hashlib
import traceback
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "fuzz" / "findings"
TRIES = 400


class Broken(AssertionError):
    """Something that must hold does not; `rule` names it in a word."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(f"{rule}: {message}")
        self.rule = rule


class Findings:
    """Faults of one target. `check` raises on a body that shows one."""

    def __init__(self, target: str, check: Callable[[bytes], None]) -> None:
        self._target, self._check = target, check
        self._known: set[str] = set()

    def try_body(self, body: bytes) -> None:
        error = self._error(body)
        if error is None or fault_of(error) in self._known:
            return
        self._known.add(fault_of(error))
        smaller = self._smaller(body, fault_of(error))
        self._save(smaller, self._error(smaller) or error)

    def _error(self, body: bytes) -> Exception | None:
        try:
            self._check(body)
        except Exception as error:
            return error
        return None

    def _smaller(self, body: bytes, fault: str) -> bytes:
        """The body without the pieces that the fault does not need."""
        tries, size = 0, max(1, len(body) // 2)
        while size and tries < TRIES:
            start = 0
            while start < len(body) and tries < TRIES:
                rest = body[:start] + body[start + size :]
                error, tries = self._error(rest), tries + 1
                if error is not None and fault_of(error) == fault:
                    body = rest
                else:
                    start += size
            size //= 2
        return body

    def _save(self, body: bytes, error: Exception) -> None:
        rule = error.rule if isinstance(error, Broken) else type(error).__name__
        path = FOLDER / f"{self._target}-{rule}-{hashlib.sha256(body).hexdigest()[:8]}.txt"
        path.write_bytes(body)
        print(f"fuzz: FOUND {path.relative_to(ROOT)}: {str(error)[:300]!r}", flush=True)
        told = "".join(traceback.format_exception(error, limit=-4))
        path.with_suffix(".why").write_text(told, encoding="utf-8", errors="backslashreplace")


def fault_of(error: Exception) -> str:
    """The same for the same fault: a broken rule, else the exception and where it was raised."""
    if isinstance(error, Broken):
        return error.rule
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} {last.filename}:{last.lineno}"
