"""What all workers of the cluster say, asked for over the control channels."""
# Theory of operation
# ===================
# A question has a number; every worker that gets it answers, in any phase: with its own status, or
# with what the query of another kind asks for. Who has not answered in time is named: an answer
# that comes late has no question any more and is dropped.

import itertools
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import attrs
import structlog
import trio

from wallarood.admin.status import ClusterStatus, Status
from wallarood.control.events import StatusAsked, StatusGiven
from wallarood.model.ids import WorkerName
from wallarood.model.messages import StatusTold, StatusWanted
from wallarood.runtime.worker import Worker
from wallarood.wire.strict import StructureError, structure, unstructure

ANSWER_S = 1.0

Kind: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[Any]]
"""What answers a query of one kind: a JSON value. Raises ValueError: the query is wrong."""

log = structlog.get_logger(__name__)


class UnansweredError(ValueError):
    """There is nothing to answer with: what is asked for is not there (404), or not shown (403)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@attrs.define(eq=False)
class _Question:
    missing: set[WorkerName]
    told: dict[WorkerName, Any] = attrs.field(factory=dict)
    done: trio.Event = attrs.field(factory=trio.Event)


@attrs.define(eq=False)
class Gathering:
    """Asks and answers for *worker*, which *status* tells of; *kinds* answer other queries."""

    worker: Worker
    status: Callable[[], Status]
    kinds: Mapping[str, Kind] = attrs.field(factory=dict)
    _numbers: "itertools.count[int]" = attrs.field(factory=itertools.count, init=False)
    _questions: dict[int, _Question] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.worker.on_status = self.heard

    def heard(self, sender: WorkerName, message: StatusWanted | StatusTold) -> None:
        """A member asks, or answers."""
        if isinstance(message, StatusWanted):
            if message.query:
                self.worker.nursery.start_soon(self._tell, sender, message)
                return
            text = json.dumps(unstructure(self.status()))
            self.worker.post(StatusGiven(sender, message.number, text))
            return
        question = self._questions.get(message.number)
        if question is None or sender not in question.missing:
            return
        try:
            question.told[sender] = json.loads(message.status)
        except ValueError:  # of another version
            return
        question.missing.discard(sender)
        if not question.missing:
            question.done.set()

    async def _tell(self, sender: WorkerName, message: StatusWanted) -> None:
        value = await self._own(json.loads(message.query))
        self.worker.post(StatusGiven(sender, message.number, json.dumps(value)))

    async def _own(self, query: Mapping[str, Any]) -> Any:
        """What this worker answers to *query*."""
        kind = self.kinds.get(str(query.get("kind")))
        if kind is None:
            return {"error": f"{self.worker.member.name} does not know this question"}
        try:
            return await kind(query)
        except UnansweredError as error:
            return {"error": str(error), "code": error.code}
        except ValueError as error:
            return {"error": str(error)}

    async def _asked(self, query: str, within_s: float) -> _Question:
        """A question to all others, with the answers that have come in time."""
        others, number = self.worker.node.peers, next(self._numbers)
        question = self._questions[number] = _Question(set(others))
        try:
            self.worker.post(StatusAsked(number, query))
            with trio.move_on_after(within_s if others else 0):
                await question.done.wait()
        finally:
            del self._questions[number]
        return question

    async def gather(self) -> ClusterStatus:
        """The status of all members that answer in time, and who does not."""
        others = self.worker.node.peers
        question = await self._asked("", ANSWER_S)
        told: dict[WorkerName, Status] = {}
        for name, value in question.told.items():
            try:
                told[name] = structure(value, Status)
            except StructureError as error:  # of another version
                log.debug("status of another form", worker=name, reason=str(error))
        return ClusterStatus(
            self.status(),
            tuple(told[name] for name in others if name in told),
            tuple(name for name in others if name not in told),
        )

    async def ask(
        self, query: Mapping[str, Any], within_s: float = ANSWER_S
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        """What each member answers to *query*, this worker's own answer first; who does not.

        The answer of one that cannot, or finds the query wrong, is an object with ``error``, and
        the ``code`` of HTTP if it is not 400.
        """
        others = self.worker.node.peers
        answers: dict[str, Any] = {}
        question: list[_Question] = []

        async def ask_others() -> None:
            question.append(await self._asked(json.dumps(query), within_s))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask_others)
            answers[self.worker.member.name] = await self._own(query)
        answers |= {name: question[0].told[name] for name in others if name in question[0].told}
        return answers, tuple(name for name in others if name not in answers)
