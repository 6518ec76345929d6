"""Answers made from the cells: each is found once for all who ask.

A small registry finds an answer anew for each generation of the facts. From CELLS_OF_LARGE cells on
that takes longer than a reader should wait: there, an answer is also a row of the database, which
is given as it is, and the sweep finds those anew that were asked for since. How much of a worker's
time that takes is bounded by how long each answer took, so a large and busy registry shows its
boards as they were a little while ago, and says of which generation they are.
"""

import hashlib
import hmac
import logging
import pickle
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from functools import cache as once
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

from django.conf import settings
from django.core.cache import caches
from django.db.models import F
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.connection import ConnectionProxy
from django.utils.crypto import salted_hmac

from registry.models import Generation, KeptAnswer
from registry.models.written_once import WrittenOnce
from registry.refusal import Refused

log = logging.getLogger(__name__)
cache = ConnectionProxy(caches, "answers")

CACHE_SECONDS = 600
LARGE_CACHE_SECONDS = 5
MINUTE_S = 60
KEPT_FOR = timedelta(days=2)  # without a reader
REST = 20  # times as long as an answer took it is left as it is
REFRESH_S = 20.0  # of one sweep, for all answers together
_MAC_BYTES = hashlib.sha256().digest_size

_one: ContextVar[list[tuple[int, bool]] | None] = ContextVar("_one", default=None)

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Dated(Generic[T]):
    """An answer and the generation of the facts that it was made from."""

    value: T
    generation: int


class Answer(Generic[P, T]):
    """A function of the cells whose results are kept. Its arguments have a `repr` that says all."""

    named: dict[str, "Answer[..., Any]"] = {}

    def __init__(self, find: Callable[P, T]) -> None:
        self._find: Callable[..., T] = find
        self.name = f"{find.__module__}.{find.__name__}"
        self.__doc__ = find.__doc__
        self.named[self.name] = self

    def __call__(self, *asked: P.args, **named: P.kwargs) -> T:
        assert not named, "an answer is kept under its places"
        return self.dated(*asked).value

    def dated(self, *asked: Any) -> Dated[T]:
        generation, is_large = _state()
        key = hashlib.sha256(repr((_code(), self.name, asked)).encode()).hexdigest()
        kept: Dated[T] | None = cache.get(key)
        if kept is not None and (is_large or kept.generation == generation):
            return kept
        if is_large:
            found = self._stored(key, generation) or self.keep(key, asked, generation)
        else:
            found = Dated(self._find(*asked), generation)
        cache.set(key, found, LARGE_CACHE_SECONDS if is_large else CACHE_SECONDS)
        return found

    def keep(self, key: str, asked: tuple[Any, ...], generation: int) -> Dated[T]:
        """Find the answer and keep it as a row."""
        began_s = time.perf_counter()
        value = self._find(*asked)
        now = timezone.now()
        row = {
            "name": f"{self.name}@{_code()}",
            "asked": _signed(asked),
            "found": _signed(value),
            "generation": generation,
            "took_s": time.perf_counter() - began_s,
            "found_at": now,
        }
        KeptAnswer.objects.update_or_create(
            pk=key, defaults=row, create_defaults={**row, "asked_at": now}
        )
        return Dated(value, generation)

    def _stored(self, key: str, generation: int) -> Dated[T] | None:
        found, made_in = _rows.first(key) or (b"", 0)
        if not _is_ours(found):
            return None
        if made_in != generation and cache.add(f"asked:{key}", True, MINUTE_S):
            KeptAnswer.objects.filter(pk=key).update(asked_at=timezone.now())
        return Dated(_read(found), made_in)


_rows = WrittenOnce(
    lambda key: KeptAnswer.objects.filter(pk=key).values_list("found", "generation")
)


def answer(find: Callable[P, T]) -> Answer[P, T]:
    """Decorator of a function of the cells. The answer itself is what a call gives; `.dated` gives
    it with its generation.
    """
    return Answer(find)


class OneGeneration:
    """Middleware: a page asks once which generation it is made from, and all of it is."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method not in {"GET", "HEAD"}:
            return self.get_response(request)
        token = _one.set([])
        try:
            return self.get_response(request)
        finally:
            _one.reset(token)


def _state() -> tuple[int, bool]:
    """The generation, and whether the registry is large."""
    known = _one.get()
    if known:
        return known[0]
    found = Generation.current_and_size()
    if known is not None:
        known.append(found)
    return found


def refresh() -> int:
    """Find anew what was asked for and is of older facts, the longest unseen first; how many."""
    generation, now = Generation.current(), timezone.now()
    KeptAnswer.objects.filter(asked_at__lt=now - KEPT_FOR).delete()
    rows = KeptAnswer.objects.exclude(generation=generation).defer("found").order_by("found_at")
    due = rows.filter(asked_at__gte=F("found_at") - timedelta(seconds=MINUTE_S))
    ends_s, n_found = time.monotonic() + REFRESH_S, 0
    for row in due.iterator():
        if time.monotonic() > ends_s:
            break
        name, _, code = row.name.partition("@")
        is_resting = row.found_at + timedelta(seconds=REST * row.took_s) > now
        if is_resting or code != _code():  # what other code wrote may be of another form
            continue
        # Whoever moves its date finds it; should that worker die, the date makes it due again.
        mine = KeptAnswer.objects.filter(pk=row.pk, found_at=row.found_at)
        if mine.update(found_at=timezone.now()) and _is_ours(row.asked):
            try:
                Answer.named[name].keep(row.pk, _read(row.asked), generation)
                n_found += 1
            except Refused:  # the facts have no answer any more: the next reader is told so
                KeptAnswer.objects.filter(pk=row.pk).delete()
    return n_found


# A pickle runs what it says, so it is read only where this registry's key signed it.


def _signed(value: Any) -> bytes:
    content = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    return _mac(content) + content


def _is_ours(signed: bytes | memoryview) -> bool:
    mac, content = bytes(signed[:_MAC_BYTES]), signed[_MAC_BYTES:]
    return hmac.compare_digest(mac, _mac(content))


def _read(signed: bytes | memoryview) -> Any:
    return pickle.loads(signed[_MAC_BYTES:])  # noqa: S301


def _mac(content: bytes | memoryview) -> bytes:
    return salted_hmac(__name__, bytes(content), algorithm="sha256").digest()


@once
def _code() -> str:
    """Names the code that finds: an answer of another version of it may be of another form."""
    digest = hashlib.sha256()
    for path in sorted((Path(settings.BASE_DIR) / "registry").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
