"""Traces of checkpoints: on each worker, until each is written, committed and published."""
# Theory of operation
# ===================
# The log of checkpoints has how long each phase took when it is known what became of one: spans are
# made of that. Publishing ends later, and is told then. A checkpoint whose round ended before it is
# not told of.

import time
from collections import OrderedDict, deque
from collections.abc import Callable

import attrs

from wallarood.control.events import Event, SinksPublished
from wallarood.model.ids import ClusterId, WorkerName
from wallarood.runtime.checkpoint_log import CheckpointRun, Outcome
from wallarood.telemetry.spans import Open, Place, Span, Spans

PUBLISHING_MAX = 64
"""Of how many committed checkpoints it is awaited that they are published."""
SECOND_NS = 1_000_000_000


@attrs.define(eq=False)
class Checkpoints:
    """Of *worker*. `round` is the round that runs; the others are those of `Recoveries`."""

    worker: WorkerName
    spans: Spans
    cluster: Callable[[], ClusterId | None]
    leads: Callable[[], bool]
    round: Callable[[], int]
    _publishing: "OrderedDict[int, Open]" = attrs.field(factory=OrderedDict, init=False)
    _told: deque[Place] = attrs.field(factory=lambda: deque(maxlen=PUBLISHING_MAX), init=False)
    """The first spans that were told: one that was abandoned may yet prove committed."""

    def ended(self, run: CheckpointRun) -> None:
        """It is known what became of a checkpoint here."""
        cluster = self.cluster()
        if cluster is None:
            return
        first = Place.of_name(f"checkpoint {cluster} {self.round()} {run.number}")
        own = first.below()
        about: dict[str, str | int | float | bool] = {
            "wallarood.cluster": cluster,
            "wallarood.worker": self.worker,
            "wallarood.round": self.round(),
            "wallarood.checkpoint": run.number,
            "wallarood.outcome": run.outcome.value,
        }
        if run.size_bytes is not None:
            about["wallarood.bytes"] = run.size_bytes
        parts, end_ns = self._parts(run, own)
        wrong = "" if run.outcome is Outcome.COMMITTED else run.outcome.value
        if wrong:
            end_ns = max(end_ns, time.time_ns())
        whole = Span("", own, first.span, round(run.at * SECOND_NS), end_ns, about, wrong)
        if self.leads() and first not in self._told:
            self._told.append(first)
            self.spans.add(attrs.evolve(whole, name="checkpoint", place=first, parent=None))
        self.spans.add(attrs.evolve(whole, name=f"checkpoint on {self.worker}"))
        for part in parts:
            self.spans.add(attrs.evolve(part, attributes=about))
        if run.outcome is Outcome.COMMITTED:
            self._publishing[run.number] = Open("publish", own.below(), own.span, about)
            while len(self._publishing) > PUBLISHING_MAX:
                self._publishing.popitem(last=False)

    def _parts(self, run: CheckpointRun, own: Place) -> tuple[list[Span], int]:
        """A span for each phase that it came to, one after the other, and when the last ended."""
        phases = {
            "collect": run.collect_s,
            "wait for the disk": run.queue_s,
            "write": run.write_s,
            "commit": run.commit_s,
        }
        parts, at_ns = [], round(run.at * SECOND_NS)
        for name, took_s in phases.items():
            if took_s is not None:
                end_ns = at_ns + round(took_s * SECOND_NS)
                parts.append(Span(name, own.below(), own.span, at_ns, end_ns))
                at_ns = end_ns
        return parts, at_ns

    def stepped(self, event: Event) -> None:
        """What all sinks here have published of ends here."""
        if isinstance(event, SinksPublished):
            for number in [each for each in self._publishing if each <= event.number]:
                self.spans.add(self._publishing.pop(number).ended())
