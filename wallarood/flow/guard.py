"""What keeps records that no other worker could get from going anywhere."""
# Theory of operation
# ===================
# A record that cannot be sent to another worker fails where it is made, and its `on_error` applies,
# whether it would be sent or stay: the outcome is the same on one worker as on five. The guard
# stands at the outputs of a stage from which records may cross, before anybody knows which of them
# will. Records of a type of which every value can be sent are looked at in samples, until one is
# found that is not of this type: what does cross is looked at anyway when it is encoded, and then
# it is the guard that is asked about each record. What a source has decoded from JSON can be sent,
# but for two kinds: values that are nested some hundred deep, which pickle does not take, and those
# that a function of `inspect`, `filter` or `key_by` has changed in place. So of these records the
# first batches are looked at, and then only the keys, which user code makes: of a record of such a
# kind that comes later, it is found only where it does cross. All others are looked at, batch by
# batch.

from typing import Protocol

import attrs

from wallarood.flow.failures import Failure, fail
from wallarood.model.batch import Batch
from wallarood.model.errors import ApplicationError
from wallarood.model.pipeline import Application, FunctionShape, Step, StepKind
from wallarood.model.topology import Stage

SAMPLE_FIRST = 8
SAMPLE_EVERY = 16
"""Of a trusted type every batch of the first few is looked at, then one of so many; of what is
decoded from JSON the first few."""

_PASSING = (StepKind.STAMP, StepKind.KEY_BY, StepKind.COLLECT, StepKind.BRANCH, StepKind.MERGE)
_PASSING_SHAPES = (FunctionShape.PREDICATE, FunctionShape.INSPECT)


class NotSendableError(ApplicationError):
    """A record cannot be sent to another worker."""


class Codec(Protocol):
    """What the guard asks of a `wallarood.wire.records.codec.RecordCodec`."""

    @property
    def is_trusted(self) -> bool:
        """Whether every value of the hinted type can be sent, and values may be taken for one."""

    def keys_go(self, batch: Batch) -> bool:
        """Whether all keys surely can be sent; False also in doubt."""

    def all_go(self, batch: Batch) -> bool:
        """Whether all records surely can be sent; False also in doubt."""

    def faults(self, batch: Batch) -> dict[int, str]:
        """Which records cannot be sent, by their place, and why."""

    def news(self) -> str:
        """That a record is not of its hinted type, the first time this is asked."""


@attrs.define(eq=False)
class Guard:
    """Stands at one output of a stage. `maker` is the step that makes its records."""

    codec: Codec
    maker: Step
    sure: bool = False
    """Whether the maker makes only values that can be sent, unless they are changed later."""
    full: bool = False
    """Whether every batch is looked at."""
    _seen: int = attrs.field(default=0, init=False)

    def sift(self, batch: Batch, failures: list[Failure]) -> Batch:
        """*batch* without what cannot be sent, as far as it is looked at.

        Raises ApplicationError: a record cannot be sent, and the policy is to stop.
        """
        if self.sure and not self.full and self.codec.keys_go(batch):
            self._seen += 1
            if self._seen > SAMPLE_FIRST or not self.codec.faults(batch):
                return batch
            return self.sift_each(batch, failures)
        if self.codec.is_trusted and not self.full:
            self._seen += 1
            if self._seen > SAMPLE_FIRST and self._seen % SAMPLE_EVERY:
                return batch
        if self.codec.all_go(batch):
            return batch
        return self.sift_each(batch, failures)

    def sift_each(self, batch: Batch, failures: list[Failure]) -> Batch:
        """*batch* without what cannot be sent. Raises as `sift`."""
        self.full = True
        faults = self.codec.faults(batch)
        if not faults:
            return batch
        computation = self.maker.computation
        for place, why in faults.items():
            record = batch.values[place]
            error = NotSendableError(f"it cannot be sent to another worker: {why}")
            if computation is None:
                raise ApplicationError(
                    f"a record of {self.maker.kind.value} {self.maker.name!r} "
                    f"({self.maker.where}): {error}\n  record: {record!r:.1000}"
                )
            fail(computation, record, error, failures=failures)
        return batch.sift([n not in faults for n in range(len(batch))])


def maker_of(application: Application, stage: Stage) -> Step:
    """The step of *stage* that makes the records which leave it, or else the last that may fail."""
    steps = [application.step(name) for name in reversed(stage.steps)]
    for step in steps:
        shape = step.computation.shape if step.computation is not None else None
        if step.kind not in _PASSING and shape not in _PASSING_SHAPES:
            return step
    return next((step for step in steps if step.computation is not None), steps[-1])
