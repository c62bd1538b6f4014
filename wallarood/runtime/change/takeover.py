"""What one worker has in the next epoch, and from whom it is to be had."""
# Theory of operation
# ===================
# Every member of the next epoch puts together its own part of the basis in the new layout. It asks
# each of the others for what it takes over: slots of state by key, all of a single state, and the
# watermarks of a stage that has several instances. What they say with it of sources and sinks tells
# it where the partitions stand that it reads from now on.
#
# What it had and keeps is not written again: the new part names the chunks of the old one. So it
# does where it gives slots away, and says that not all in them is its own; only where such a worker
# gains slots later, its own chunks are put together first, since they have what is not its own.
#
# A new version of the application goes on on the same workers, under the names of steps of now.

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

import attrs

from wallarood.flow.compile import make_states
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.state.moving import is_by_key
from wallarood.flow.state.state import State
from wallarood.model.errors import RefusedError
from wallarood.model.ids import WorkerName
from wallarood.model.messages.replicas import Slots
from wallarood.model.pipeline import Application
from wallarood.model.topology import Stage, StageKind, Topology
from wallarood.planning.change import left_behind
from wallarood.runtime.change.sources.reading import Position, Reading


class How(Enum):
    """How a state of this worker comes about."""

    BY_SLOT = "by slot"
    WHOLE = "whole"
    MET = "met"
    """Of those of all instances of the stage."""


@attrs.frozen
class Part:
    """One state of this worker in the next epoch.

    `gained` has, by the worker that had them, the slots that come to this one; `lost` are those
    that go, `had` those that it had. `source` is who had a whole state.
    """

    state: State
    stage: Stage
    how: How
    had_here: bool
    gained: Mapping[WorkerName, tuple[int, ...]] = attrs.field(factory=dict)
    had: frozenset[int] = frozenset()
    owned: frozenset[int] = frozenset()
    sources: tuple[WorkerName, ...] = ()
    was: str = ""
    """What it is called in the basis; empty: nothing of it is there."""

    @property
    def name(self) -> str:
        """The computation."""
        return self.state.computation

    @property
    def lost(self) -> frozenset[int]:
        """The slots that go from here."""
        return self.had - self.owned

    @property
    def comes_by_key(self) -> bool:
        """Whether it comes key by key: no more is deleted at once."""
        return self.how is How.BY_SLOT and isinstance(self.state, KeyedState)


@attrs.frozen
class Takeover:
    """From *previous* to *topology*, as *worker* sees it."""

    application: Application
    previous: Topology
    topology: Topology
    worker: WorkerName
    former: Mapping[str, str] | None = None
    """Of a new version: the former name of each step that goes on."""

    @property
    def reading(self) -> Reading:
        """The same, as it concerns sources."""
        return Reading(
            self.application, self.previous, self.topology, self.worker, former=self.former
        )

    @property
    def others(self) -> tuple[WorkerName, ...]:
        """The other workers of the epoch before: each is asked."""
        return tuple(each for each in self.previous.workers if each != self.worker)

    def parts(self) -> Iterator[Part]:
        """Every state of this worker in the next epoch, made anew."""
        for stage in self.topology.stages_on(self.worker):
            for state in make_states(self.application, stage).values():
                yield self._part(state, stage)

    def part(self, name: str) -> Part:
        """The state of a computation, made anew."""
        return next(each for each in self.parts() if each.name == name)

    def part_was(self, name: str) -> Part:
        """The state, made anew, that was called *name* in the epoch before."""
        return next(each for each in self.parts() if each.was == name)

    def ahead_of(self, owner: WorkerName) -> Slots:
        """What may come from *owner* while records flow: of it only changes are to follow."""
        return tuple(
            (part.name, part.gained[owner])
            for part in self.parts()
            if part.how is How.BY_SLOT and owner in part.gained
        )

    def before(self, name: str) -> Stage | None:
        """See `Reading.before`."""
        return self.reading.before(name)

    def _part(self, state: State, stage: Stage) -> Part:
        before = self.before(state.computation)
        if before is None:
            return Part(state, stage, How.WHOLE, False)
        if self.former is not None:
            return self._kept(state, stage, before)
        had_here, was = self.worker in before.workers, state.computation
        if stage.kind is StageKind.PARTITIONED and is_by_key(state):
            gained: dict[WorkerName, list[int]] = {}
            for slot, (old, new) in enumerate(zip(before.owners, stage.owners, strict=True)):
                if new == self.worker != old:
                    gained.setdefault(old, []).append(slot)
            return Part(
                state,
                stage,
                How.BY_SLOT,
                had_here,
                gained={name: tuple(slots) for name, slots in gained.items()},
                had=_slots_of(before, self.worker),
                owned=_slots_of(stage, self.worker),
                was=was,
            )
        others = tuple(each for each in before.workers if each != self.worker)
        if stage.kind is StageKind.STATEFUL or is_by_key(state):
            others = () if had_here else others
            return Part(state, stage, How.WHOLE, had_here, sources=others, was=was)
        return Part(state, stage, How.MET, had_here, sources=others, was=was)

    def _kept(self, state: State, stage: Stage, before: Stage) -> Part:
        """A state of a new version. Raises RefusedError: it would have to move."""
        slots, had = _slots_of(stage, self.worker), _slots_of(before, self.worker)
        here = self.worker in before.workers
        if slots != had or (not here and stage.kind is StageKind.STATEFUL):
            raise RefusedError(
                f"the state of {state.computation!r} would have to move between workers: keep the "
                "steps before it as they are, or drop it"
            )
        was, source = self.reading.was(state.computation), self.application.step(stage.steps[0])
        if source.is_watched and was != state.computation and not is_by_key(state):
            # Who reads a partition follows from the name of its source, and its time goes with it.
            others = tuple(each for each in before.workers if each != self.worker)
            return Part(state, stage, How.MET, here, sources=others, was=was)
        return Part(state, stage, How.WHOLE, here, had=had, owned=slots, was=was)

    def wanted_of(self, owner: WorkerName) -> Slots:
        """What *owner* is asked for."""
        wanted: list[tuple[str, tuple[int, ...]]] = []
        for part in self.parts():
            if owner in part.gained:
                wanted.append((part.name, part.gained[owner]))
            elif owner in part.sources:
                wanted.append((part.was, ()))
        return tuple(wanted)

    @property
    def moving(self) -> str:
        """What comes here, in words; empty if nothing does."""
        slots = total = 0
        for stage in self.topology.stages:
            before = self.before(stage.steps[0])
            if stage.kind is StageKind.PARTITIONED and before is not None:
                total += len(stage.partition_owners)
                slots += len(_slots_of(stage, self.worker) - _slots_of(before, self.worker))
        whole = [p.name for p in self.parts() if p.how is How.WHOLE and p.sources]
        what = [f"{slots} of {total} slots"] if slots else []
        what += [f"the state of {', '.join(map(repr, whole))}"] if whole else []
        return f"moving {' and '.join(what)} to {self.worker}" if what else ""

    # ---- sinks -----------------------------------------------------------------------

    def keeps_sink(self, step: str) -> bool:
        """Whether the writer of the sink *step* here goes on."""
        before = self.before(step)
        return (
            before is not None
            and self.worker in before.workers
            and any(step in stage.steps for stage in self.topology.stages_on(self.worker))
        )

    def check_sinks(self, had: Iterable[tuple[str, Any, Any]]) -> None:
        """Of a new version: may each sink that goes on here end, if it is to? *had* has them.

        Raises RefusedError: what its writer here has prepared could not be published.
        """
        kept = frozenset((self.former or {}).values())
        for step, _, unpublished in had:
            if step in kept and unpublished and not self.keeps_sink(step):
                raise RefusedError(
                    f"sink {step!r} has prepared output on {self.worker}, and the new version has "
                    f"no writer of it there: keep the steps before it as they are, or drop it "
                    f"(--drop {step!r})"
                )

    def check_leavers(self, had: Mapping[WorkerName, Sequence[Position]]) -> None:
        """Raises RefusedError: a worker leaves with something to read that no other can read."""
        if self.former is not None:  # nobody leaves
            return
        for worker, source, partition in left_behind(
            self.application, self.previous, self.topology.workers
        ):
            ended = {each[1] for each in had.get(worker, ()) if each[0] == source and each[3]}
            if partition not in ended:
                raise RefusedError(
                    f"{worker} cannot leave yet: source {source!r} has not read {partition} to "
                    f"its end, and only {worker} can read it"
                )


def _slots_of(stage: Stage, worker: WorkerName) -> frozenset[int]:
    return frozenset(slot for slot, owner in enumerate(stage.owners) if owner == worker)
