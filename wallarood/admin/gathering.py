"""What all workers of the cluster say of themselves, asked for over the control channels."""
# Theory of operation
# ===================
# A question has a number; every worker that gets it answers with its own status, in any phase. Who
# has not answered in time is named: an answer that comes late has no question any more and is
# dropped.

import itertools
import json
from collections.abc import Callable

import attrs
import trio

from wallarood.admin.status import ClusterStatus, Status
from wallarood.control.events import StatusAsked, StatusGiven
from wallarood.model.ids import WorkerName
from wallarood.model.messages import StatusTold, StatusWanted
from wallarood.runtime.worker import Worker
from wallarood.wire.strict import StructureError, structure, unstructure

ANSWER_S = 1.0


@attrs.define(eq=False)
class _Question:
    missing: set[WorkerName]
    told: dict[WorkerName, Status] = attrs.field(factory=dict)
    done: trio.Event = attrs.field(factory=trio.Event)


@attrs.define(eq=False)
class Gathering:
    """Asks and answers for *worker*, which *status* tells of."""

    worker: Worker
    status: Callable[[], Status]
    _numbers: "itertools.count[int]" = attrs.field(factory=itertools.count, init=False)
    _questions: dict[int, _Question] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.worker.on_status = self.heard

    def heard(self, sender: WorkerName, message: StatusWanted | StatusTold) -> None:
        """A member asks, or answers."""
        if isinstance(message, StatusWanted):
            text = json.dumps(unstructure(self.status()))
            self.worker.post(StatusGiven(sender, message.number, text))
            return
        question = self._questions.get(message.number)
        if question is None or sender not in question.missing:
            return
        try:
            question.told[sender] = structure(json.loads(message.status), Status)
        except (ValueError, StructureError):  # of another version
            return
        question.missing.discard(sender)
        if not question.missing:
            question.done.set()

    async def gather(self) -> ClusterStatus:
        """The status of all members that answer in time, and who does not."""
        others, number = self.worker.node.peers, next(self._numbers)
        question = self._questions[number] = _Question(set(others))
        try:
            self.worker.post(StatusAsked(number))
            with trio.move_on_after(ANSWER_S if others else 0):
                await question.done.wait()
        finally:
            del self._questions[number]
        told = tuple(question.told[name] for name in others if name in question.told)
        return ClusterStatus(self.status(), told, tuple(n for n in others if n in question.missing))
