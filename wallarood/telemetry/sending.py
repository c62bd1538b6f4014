"""Sends metrics and spans to the collector, now and then, and waits for nothing else."""
# Theory of operation
# ===================
# The event loop takes the numbers, a thread encodes and sends them: one request at a time of each
# kind, each with an end. A collector that is away, or hangs, takes a thread that sleeps; the next
# attempt is made when this one has ended, and what could not wait is dropped. It is said once that
# the collector does not take what is sent, and once that it does again.
#
# At the end, what is there is sent if the collector has taken the last, and there is time.

import time
from collections.abc import Callable, Sequence
from typing import Protocol

import attrs
import structlog
import trio

from wallarood.admin.status import Status
from wallarood.telemetry.points import Points, Series
from wallarood.telemetry.spans import Span, Spans

SPANS_S = 2.0
SPANS_AT_ONCE = 512
REQUEST_S = 10.0
"""How long a request may take, with its repetitions."""
AGAIN_S_MAX = 60.0
LAST_S = 1.0

log = structlog.get_logger(__name__)


class Taking(Protocol):
    """What sends; see `wallarood.telemetry.otlp.Collector`. Both block."""

    def send_spans(self, spans: Sequence[Span]) -> bool:
        """Whether they were taken."""

    def send_points(self, points: Points) -> bool:
        """Whether they were taken."""

    @property
    def problem(self) -> str:
        """Why the last was not, as far as is known."""


@attrs.define(eq=False)
class Sending:
    """From *status* and *spans* to what *connect* makes, which is done in a thread too."""

    status: Callable[[], Status]
    spans: Spans
    connect: Callable[[], Taking]
    interval_s: float
    endpoint: str
    _collector: Taking | None = attrs.field(default=None, init=False)
    _series: Series = attrs.field(factory=lambda: Series(time.time_ns()), init=False)
    _problem: str = attrs.field(default="", init=False)
    """Why the last was not taken; empty if it was."""
    _one: trio.CapacityLimiter = attrs.field(factory=lambda: trio.CapacityLimiter(1), init=False)

    async def run(self) -> None:
        """Send, until cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._send_spans_on)
                await self._send_points_on()
        finally:
            if not self._problem:
                with trio.CancelScope(shield=True), trio.move_on_after(LAST_S):
                    await self._send_spans()
                    await self._send_points()

    async def _send_points_on(self) -> None:
        while True:
            await trio.sleep(self.interval_s)
            await self._send_points()

    async def _send_points(self) -> bool:
        points = self._series.of(self.status(), time.time_ns())
        return await self._send(lambda collector: collector.send_points(points))

    async def _send_spans_on(self) -> None:
        pause_s = SPANS_S
        while True:
            await trio.sleep(pause_s)
            pause_s = SPANS_S if await self._send_spans() else min(2 * pause_s, AGAIN_S_MAX)

    async def _send_spans(self) -> bool:
        """Whether all that waits was taken."""
        while spans := self.spans.take(SPANS_AT_ONCE):
            if not await self._send(lambda collector: collector.send_spans(spans)):
                self.spans.put_back(spans)
                return False
        return True

    async def _send(self, send: Callable[[Taking], bool]) -> bool:
        """Whether the collector has taken it."""
        problem = await trio.to_thread.run_sync(
            self._in_thread, send, abandon_on_cancel=True, limiter=self._one
        )
        if self._problem and not problem:
            log.info("the OpenTelemetry collector takes what is sent again", at=self.endpoint)
        elif problem and not self._problem:
            log.warning("OpenTelemetry collector not reached", at=self.endpoint, reason=problem)
        self._problem = problem
        return not problem

    def _in_thread(self, send: Callable[[Taking], bool]) -> str:
        """Why it was not taken; empty if it was."""
        try:
            if self._collector is None:
                self._collector = self.connect()
            taken = send(self._collector)
            return "" if taken else self._collector.problem or "no reason was given"
        except Exception as error:  # of the SDK: what it cannot send must end nothing else
            log.debug("nothing sent to the OpenTelemetry collector", exc_info=error)
            return f"{type(error).__name__}: {error}"
