"""Who asks for a change, where it is asked for, and what is answered."""
# Theory of operation
# ===================
# An operator asks on any member, a worker that wants to join asks any member: the first survivor
# proposes, so a request goes on to it, and a worker that wants to join is sent there. What cannot
# be done is refused, what cannot be done now may be asked for again.

import attrs

from wallarood.control.change.effects import TellOperator
from wallarood.control.change.proposing import objections
from wallarood.control.change.proposing.composing import Plan
from wallarood.control.change.view import View
from wallarood.control.effects import Effect, SendOnConnection, SendToMember
from wallarood.control.formation.founding import names
from wallarood.control.formation.refusals import refuse
from wallarood.model.change import Change, ChangeKind
from wallarood.model.ids import NO_SEAT, WorkerName
from wallarood.model.messages import (
    AskThere,
    Busy,
    ChangeAnswered,
    ChangeRequest,
    ControlMessage,
    Decided,
    JoinRunning,
)

SILENT_S = 10.0
"""For how long a worker that wants to join may say nothing: it asks again every second."""
GONE_WAIT_S = 10.0
"""How long all may stand still for a worker that was to join and is gone."""
PUT_OFF_S = 2.0
PUT_OFF_MAX_S = 120.0
"""How long a worker waits to join that could not be taken in; twice as long after each time."""
EXPECTED_S = 3600.0
"""How long a worker is expected that is to take the place of a lost one."""


@attrs.frozen
class Asker:
    """Who has asked: a member, a worker on a connection, or an operator here."""

    member: WorkerName | None = None
    connection: int | None = None


@attrs.define
class Door:
    """Where requests come in, and answers go out, at one member."""

    _view: View
    _asker: Asker = attrs.field(factory=Asker, init=False)
    """Who has asked for the change that is made."""
    _heard_at: float = attrs.field(default=0.0, init=False)
    """When the worker that wants to join last asked, or was lost."""
    _put_off: dict[WorkerName, tuple[float, float]] = attrs.field(factory=dict, init=False)
    """Until when those that could not be taken in wait to be so, and for how long."""
    _expected: dict[WorkerName, tuple[ChangeRequest, float]] = attrs.field(factory=dict, init=False)
    """The members that an operator has said to replace: their names may come in other seats.

    Until then: who starts later with an empty disk may be there by mistake.
    """

    def plan(self, join: JoinRunning, now: float) -> Plan:
        """What it would be to take a worker in."""
        self.forget(now)
        member, name = join.member, join.member.name
        request = ChangeRequest(name, ChangeKind.GROW, ())
        if name in self._view.workers:
            replace = ChangeRequest(name, ChangeKind.REPLACE, (name,))
            request, _ = self._expected.get(name, (replace, 0.0))
        return Plan(attrs.evolve(request, joiner=member), self._view)

    def forget(self, now: float, name: WorkerName = "") -> None:
        """Expect nobody any more who has not come in time, nor *name*, which is back itself."""
        self._expected = {
            expected: (request, until)
            for expected, (request, until) in self._expected.items()
            if now < until and expected != name
        }

    @property
    def deadline(self) -> float | None:
        """When somebody is expected no longer; None: nobody is."""
        return min((until for _, until in self._expected.values()), default=None)

    def turned_away(self, connection: int, join: JoinRunning, plan: Plan) -> list[Effect]:
        """What a worker is told that is not to be taken in here; empty if it may be."""
        record = self._view.record
        change, asks = record.change, join.cluster_id in (None, record.cluster_id)
        if change is not None and asks and change.has(join.member) and _is_the_one(join, change):
            return [SendOnConnection(connection, Decided(record.cluster_id, change))]
        if reason := objections.to_joiner(plan, join):
            return refuse(connection, reason)
        if plan.proposer in (None, self._view.me.name):
            return self.unexpected(connection, join, plan)
        assert plan.proposer is not None
        there = AskThere(record.cluster_id, self._view.member(plan.proposer).control)
        return [SendOnConnection(connection, there)]

    def unexpected(self, connection: int, join: JoinRunning, plan: Plan) -> list[Effect]:
        """What a worker is told here that would take the place of a member; empty if it may."""
        name = join.member.name
        if plan.request.kind is not ChangeKind.REPLACE or name in self._expected:
            return []
        return refuse(connection, objections.to_another(name, self._view.record.cluster_id))

    def again(self, connection: int, plan: Plan, current: Plan | None, *, now: float) -> bool:
        """Whether a worker asks again whose change is being made: it is on this connection now."""
        ours = current.request.joiner if current is not None else None
        joiner = plan.request.joiner
        if ours is None or joiner is None or (ours.name, ours.seat) != (joiner.name, joiner.seat):
            return False
        self._asker, self._heard_at = Asker(connection=connection), now
        return True

    def took_over(self, plan: Plan, current: Plan | None) -> bool:
        """Whether one asks in whose name a change is being made for another, which is gone."""
        ours = current.request.joiner if current is not None else None
        joiner = plan.request.joiner
        same = ours is not None and joiner is not None and ours.name == joiner.name
        return same and self._asker.connection is None

    def put_off(self, name: WorkerName, now: float) -> None:
        """A worker could not be taken in: all stand still for each time that it is tried."""
        _, last_s = self._put_off.get(name, (0.0, PUT_OFF_S / 2))
        pause_s = min(2 * last_s, PUT_OFF_MAX_S)
        self._put_off[name] = (now + pause_s, pause_s)

    def too_soon(self, plan: Plan, now: float) -> str:
        """Why a worker is not taken in again yet; empty if it may be."""
        joiner = plan.request.joiner
        until, pause_s = self._put_off.get(joiner.name, (now, 0.0)) if joiner else (now, 0.0)
        return f"it could not be taken in: tried again after {pause_s:g} s" if now < until else ""

    def answer(
        self, plan: Plan, asker: Asker, busy: str, *, now: float
    ) -> tuple[list[Effect], bool]:
        """What is answered to a request, and whether it is taken up here."""
        if plan.proposer not in (None, self._view.me.name) and asker.member is None:
            assert plan.proposer is not None
            return [SendToMember(plan.proposer, plan.request)], False
        reason = busy or objections.to_request(plan)
        if not reason and plan.request.kind is ChangeKind.REPLACE and not plan.request.joiner:
            expected = (plan.request, now + EXPECTED_S)
            self._expected |= dict.fromkeys(plan.request.names, expected)
            reason = f"waiting for {plan.gone[0]} to join with an empty state directory"
            return self._say(asker, ChangeAnswered(plan.request.name, True, reason)), False
        if not reason:
            self._asker = asker
        text = reason or f"{plan.request.kind.value}: begun"
        return self._say(asker, ChangeAnswered(plan.request.name, not reason, text)), not reason

    def finishes(self, plan: Plan, asker: Asker, change: Change | None) -> list[Effect]:
        """What is answered where *change* is finished first; empty: not here, or there is none."""
        elsewhere = plan.proposer not in (None, self._view.me.name) and asker.member is None
        if change is None or elsewhere:
            return []
        text = (
            f"the change to epoch {change.epoch}, which was being decided, is finished without the "
            f"vote of {names(plan.gone)}: ask again when the cluster is in epoch {change.epoch}"
        )
        return self._say(asker, ChangeAnswered(plan.request.name, False, text))

    def answer_again(self, plan: Plan | None, why: str) -> list[Effect]:
        """What was taken up has come to nothing."""
        return (
            []
            if plan is None
            else self._say(self._asker, ChangeAnswered(plan.request.name, False, why))
        )

    def _say(self, asker: Asker, answer: ChangeAnswered) -> list[Effect]:
        if asker.member is not None:
            return [SendToMember(asker.member, answer)]
        if asker.connection is not None:
            return [] if answer.taken else [SendOnConnection(asker.connection, Busy(answer.text))]
        return self.answered(answer)

    def answered(self, message: ChangeAnswered) -> list[Effect]:
        """The proposer has answered what an operator has asked for here."""
        return [TellOperator(message.name, message.taken, message.text)]

    def tell(self, message: ControlMessage) -> list[Effect]:
        """Say something to the worker that wants to join, if it is there."""
        connection = self._asker.connection
        return [] if connection is None else [SendOnConnection(connection, message)]

    @property
    def progress(self) -> str:
        """Which workers are to take the place of lost members, in words; empty if none is."""
        names = [name for name in self._expected if name in self._view.away]
        start = "start it with an empty state directory and worker.join (--join)"
        return f"waiting for a new {', '.join(names)}: {start}" if names else ""

    def is_there(self, now: float) -> bool:
        """Whether the worker that wants to join is connected, and runs."""
        return self._asker.connection is not None and now - self._heard_at < SILENT_S

    def lost(self, connection: int, now: float) -> list[Effect]:
        """A connection is closed."""
        if self._asker.connection == connection:
            self._asker, self._heard_at = Asker(), now
        return []

    def bounded(self, until: float) -> float:
        """Until when is waited for a worker that wants to join: not for long if it is gone."""
        gone = self._asker.connection is None
        return min(until, self._heard_at + GONE_WAIT_S) if gone else until


def _is_the_one(join: JoinRunning, change: Change) -> bool:
    """Whether who asks is the member itself, by its seat or by what it has staged."""
    same = any((m.name, m.seat) == (join.member.name, join.member.seat) for m in change.members)
    return (same and join.member.seat != NO_SEAT) or join.staged == change.epoch
