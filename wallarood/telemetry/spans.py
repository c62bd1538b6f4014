"""Spans: what took how long, and as part of what; and those that have ended and are not sent."""
# Theory of operation
# ===================
# All workers give a recovery and a checkpoint the same number of a trace, and its first span the
# same number, made from the names of both: so what they tell falls together without a message. A
# batch carries its numbers along.
#
# Ended spans wait here for who sends them. There may be so many and no more: when the collector is
# away, the oldest are dropped and counted.

import random
import time
from collections import deque
from collections.abc import Mapping
from typing import TypeAlias

import attrs
from xxhash import xxh3_64_intdigest, xxh3_128_intdigest

WAITING_MAX = 4096

Attributes: TypeAlias = Mapping[str, str | int | float | bool]


@attrs.frozen
class Place:
    """A span within a trace, by their numbers."""

    trace: int
    span: int

    @staticmethod
    def of_name(name: str) -> "Place":
        """The first span of the trace that all workers call so."""
        data = name.encode()
        return Place(xxh3_128_intdigest(data) or 1, xxh3_64_intdigest(data) or 1)

    @staticmethod
    def new() -> "Place":
        """The first span of a trace that nobody else knows of."""
        return Place(random.getrandbits(128) or 1, random.getrandbits(64) or 1)

    @staticmethod
    def from_bytes(data: bytes) -> "Place":
        """What `to_bytes` has made."""
        return Place(int.from_bytes(data[:16]), int.from_bytes(data[16:24]))

    def to_bytes(self) -> bytes:
        """24 bytes, as they go with a batch."""
        return self.trace.to_bytes(16) + self.span.to_bytes(8)

    def below(self) -> "Place":
        """Another span of the same trace."""
        return Place(self.trace, random.getrandbits(64) or 1)


@attrs.frozen
class Span:
    """What took from `start_ns` to `end_ns` (since 1970 UTC), as part of the span `parent`.

    `wrong` says why it did not do what it should; empty if it did. `notes` are what was said in it,
    and when.
    """

    name: str
    place: Place
    parent: int | None
    start_ns: int
    end_ns: int
    attributes: Attributes = attrs.field(factory=dict)
    wrong: str = ""
    notes: tuple[tuple[int, str], ...] = ()


@attrs.define(eq=False)
class Spans:
    """Those that have ended on this worker; `dropped` counts what there was no room for."""

    waiting: deque[Span] = attrs.field(factory=lambda: deque(maxlen=WAITING_MAX), init=False)
    dropped: int = attrs.field(default=0, init=False)

    def add(self, span: Span) -> None:
        """*span* has ended."""
        if len(self.waiting) == WAITING_MAX:
            self.dropped += 1
        self.waiting.append(span)

    def take(self, count: int) -> list[Span]:
        """The oldest, up to so many; they do not wait any longer."""
        return [self.waiting.popleft() for _ in range(min(count, len(self.waiting)))]

    def put_back(self, spans: list[Span]) -> None:
        """They could not be sent: they are the oldest again, if there is room for them."""
        room = WAITING_MAX - len(self.waiting)
        self.dropped += max(0, len(spans) - room)
        self.waiting.extendleft(reversed(spans[-room:] if room else []))


@attrs.define(eq=False)
class Open:
    """A span that has begun. Its length is by the clock that nobody sets."""

    name: str
    place: Place
    parent: int | None = None
    attributes: Attributes = attrs.field(factory=dict)
    start_ns: int = attrs.field(factory=time.time_ns, init=False)
    _began: int = attrs.field(factory=time.perf_counter_ns, init=False)

    def ended(self, wrong: str = "", notes: tuple[tuple[int, str], ...] = ()) -> Span:
        """It, as it has just ended."""
        end_ns = self.start_ns + time.perf_counter_ns() - self._began
        return Span(
            self.name,
            self.place,
            self.parent,
            self.start_ns,
            end_ns,
            self.attributes,
            wrong,
            notes,
        )
