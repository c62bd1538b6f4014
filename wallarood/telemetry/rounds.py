"""Traces of recoveries: how long each worker took to halt, agree, restore and run again."""
# Theory of operation
# ===================
# What a recovery consists of is seen in what the node decides: an effect begins a phase, the event
# that it leads to ends it. A recovery that begins again before it has led to a running job is still
# one: there is one trace for each round that runs. The leader of the round tells the whole.

from collections import deque
from collections.abc import Callable, Sequence

import attrs

from wallarood.control import effects as do
from wallarood.control import events as on
from wallarood.control.effects import Level, ShellEffect
from wallarood.control.events import Event
from wallarood.model.ids import ClusterId, WorkerName
from wallarood.telemetry.spans import Attributes, Open, Place, Span, Spans

PHASES_MAX = 64
NOTES_MAX = 32

_BEGINS: dict[type, str] = {
    do.HaltJob: "halt the job",
    do.ReadHoldings: "read what is held",
    do.WriteRound: "write the round",
    do.BeginRound: "restore",
}
_ENDS: dict[type, str] = {
    on.JobHalted: "halt the job",
    on.HoldingsRead: "read what is held",
    on.RoundWritten: "write the round",
}


@attrs.define(eq=False)
class Recoveries:
    """Of *worker*. `cluster` is the cluster that it is in by then, `leads` whether it leads it."""

    worker: WorkerName
    spans: Spans
    cluster: Callable[[], ClusterId | None]
    leads: Callable[[], bool]
    _whole: Open | None = None
    _phases: dict[str, Open] = attrs.field(factory=dict, init=False)
    _ended: deque[Span] = attrs.field(factory=lambda: deque(maxlen=PHASES_MAX), init=False)
    _notes: deque[tuple[int, str]] = attrs.field(
        factory=lambda: deque(maxlen=NOTES_MAX), init=False
    )

    def stepped(self, event: Event, effects: Sequence[ShellEffect]) -> None:
        """See `wallarood.runtime.tracer.Tracer.stepped`."""
        if (name := _ENDS.get(type(event))) is not None:
            self._end(name)
        for effect in effects:
            if (name := _BEGINS.get(type(effect))) is not None:
                self._begin(name)
            elif isinstance(effect, do.Report) and effect.level is Level.WARNING:
                self._note(effect.text)
            elif isinstance(effect, do.PauseSources):
                self._note(f"sources pause: {effect.reason}")

    def _begin(self, name: str) -> None:
        if self._whole is None:
            self._whole = Open("recovery", Place(0, 0))
        self._phases[name] = Open(name, Place.new())

    def _end(self, name: str) -> None:
        if (phase := self._phases.pop(name, None)) is not None:
            self._ended.append(phase.ended())

    def _note(self, text: str) -> None:
        whole = self._whole if self._whole is not None else Open("", Place(0, 0))
        self._notes.append((whole.ended().end_ns, text))

    def ready(self, round_: int) -> None:
        """The job of this round runs: all that led to it is told."""
        self._end("restore")
        whole, cluster = self._whole, self.cluster()
        if whole is not None and cluster is not None:
            first = Place.of_name(f"recovery {cluster} {round_}")
            about: Attributes = {"wallarood.cluster": cluster, "wallarood.round": round_}
            self._tell(whole.ended(), first, about)
        self._whole = None
        self._phases.clear()
        self._ended.clear()
        self._notes.clear()

    def _tell(self, whole: Span, first: Place, about: Attributes) -> None:
        here = {**about, "wallarood.worker": self.worker}
        own = first.below()
        if self.leads():
            self.spans.add(attrs.evolve(whole, place=first, attributes=here))
        self.spans.add(
            attrs.evolve(
                whole,
                name=f"recovery of {self.worker}",
                place=own,
                parent=first.span,
                attributes=here,
                notes=tuple(self._notes),
            )
        )
        for phase in self._ended:
            place = own.below()
            self.spans.add(attrs.evolve(phase, place=place, parent=own.span, attributes=here))
