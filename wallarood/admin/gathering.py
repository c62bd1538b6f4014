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
from wallarood.control.effects import SendToMember
from wallarood.model.ids import WorkerName
from wallarood.model.messages import StatusTold, StatusWanted
from wallarood.runtime.perform import perform
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
            perform(self.worker, [SendToMember(sender, StatusTold(message.number, text))])
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
        membership, number = self.worker.membership, next(self._numbers)
        others = list(membership.peers) if membership is not None else []
        question = self._questions[number] = _Question(set(others))
        try:
            perform(self.worker, [SendToMember(name, StatusWanted(number)) for name in others])
            with trio.move_on_after(ANSWER_S if others else 0):
                await question.done.wait()
        finally:
            del self._questions[number]
        told = tuple(question.told[name] for name in others if name in question.told)
        return ClusterStatus(self.status(), told, tuple(n for n in others if n in question.missing))
