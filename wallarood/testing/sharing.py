"""What a join hands out is what it keeps: who changes a record of a pair changes later pairs."""
# Theory of operation
# ===================
# A copy of each record would be slow, so a pair has the record that the join keeps. In a test a
# witness stands after each join. It notes what the join keeps of the keys that come by, and
# compares when the steps of the same stage are done with them.

import pickle
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from wallarood.flow.compile import Inline, Segment
from wallarood.flow.failures import Failure
from wallarood.flow.keys import canonical_all
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.state.state import State
from wallarood.flow.steps.operators import Operator
from wallarood.model.batch import Batch
from wallarood.model.pipeline import Application, FunctionShape, Step
from wallarood.model.topology import Stage

_SHAPES: Final = (FunctionShape.JOIN, FunctionShape.JOIN_ASOF, FunctionShape.ENRICH)


@attrs.define(eq=False)
class Witness:
    """An operator that lets everything pass, after the join *step*, which keeps *state*."""

    step: Step
    state: KeyedState
    _kept: dict[Any, bytes] = attrs.field(factory=dict, init=False)
    _pairs: list[tuple[Any, bytes]] = attrs.field(factory=list, init=False)

    def on_batch(self, batch: Batch, failures: list[Failure], side: int = 0) -> Batch:  # noqa: ARG002
        """See `Operator.on_batch`."""
        self._kept = {key: self._row(key) for key in canonical_all(batch)} if batch.values else {}
        self._pairs = [(pair, _bytes_of(pair)) for pair in batch.values]
        return batch

    def _row(self, key: Any) -> bytes:
        row = self.state.by_key.get(key)
        if row is not None and isinstance(row, tuple):
            row = row[:2]  # of a table: what it holds of the stream is no part of what it keeps
        return _bytes_of(row)

    def compare(self) -> None:
        """Raises AssertionError: a record that the join keeps is not what it was."""
        if all(self._row(key) == before for key, before in self._kept.items()):
            return
        changed = ((pickle.loads(was), now) for now, was in self._pairs if _bytes_of(now) != was)
        was, now = next(changed, ("a record", "another"))
        raise AssertionError(
            f"{self.step.where}: a record that {self.step.name} had emitted was changed: "
            f"{was!r:.200} became {now!r:.200}; the join keeps it for further pairs, and has it "
            "changed from now on: change a copy"
        )


def _bytes_of(value: Any) -> bytes:
    """*value* in bytes that are the same while it is; none if it cannot be pickled."""
    try:
        return pickle.dumps(value)
    except Exception:  # by a method of its class: what cannot be compared is not
        return b""


def with_witnesses(
    application: Application,
    stage: Stage,
    segments: Sequence[Segment],
    *,
    states: Mapping[str, State],
) -> tuple[tuple[Segment, ...], tuple[Witness, ...]]:
    """The *segments* of *stage* with a witness after each join, and these."""
    steps = map(application.step, stage.steps)
    found = [each for each in steps if each.computation and each.computation.shape in _SHAPES]
    if not found:
        return tuple(segments), ()
    from wallarood.flow.joins.asof import AsOfJoin  # noqa: PLC0415 - few applications have one
    from wallarood.flow.joins.interval import IntervalJoin  # noqa: PLC0415
    from wallarood.flow.joins.tables import Enrich  # noqa: PLC0415

    joins = iter(found)
    witnesses: list[Witness] = []
    done: list[Segment] = []
    for segment in segments:
        if not isinstance(segment, Inline):
            done.append(segment)
            continue
        operators: list[Operator] = []
        places = []
        for operator in segment.operators:
            places.append(len(operators))
            operators.append(operator)
            if isinstance(operator, IntervalJoin | AsOfJoin | Enrich):
                step = next(joins)
                state = states[step.name]
                assert isinstance(state, KeyedState)
                witnesses.append(Witness(step, state))
                operators.append(witnesses[-1])
        timed = tuple(attrs.evolve(each, place=places[each.place]) for each in segment.timed)
        done.append(Inline(tuple(operators), timed))
    return tuple(done), tuple(witnesses)
