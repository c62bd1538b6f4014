"""Sessions: windows that last for as long as no gap is between the records of a key."""
# Theory of operation
# ===================
# A key's row is the list of its sessions, mostly one. A record that is less than the gap before or
# after a session joins it, and may join two to one. Only then it is judged: late is a record whose
# session, with it, has ended longer ago than the grace.
#
# Whether a session has closed follows from the watermark. What was emitted of it is kept where
# there may be further results of it: those say which windows they take the place of.
#
# Most records continue the only session of their key, which a short loop sees to.

from collections.abc import Iterable, Iterator
from typing import Any, Final

from wallarood.flow.failures import Failure
from wallarood.flow.keys import hold_all
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.steps.timed import Making
from wallarood.flow.timed.agenda import Schedule
from wallarood.flow.windows.adding import LAST, ROW, SAID, START, Adding, Session
from wallarood.flow.windows.changes import Changes
from wallarood.flow.windows.gathering import gathering_of
from wallarood.flow.windows.part import Part
from wallarood.flow.windows.results import RESULTS_MAX, Result, Results, nothing
from wallarood.model.batch import Batch
from wallarood.model.timing.windows import Emit, Extent, Pane, WindowSpec

PARTS: Final = 1024
"""Keys are looked at by parts of a gap, but for those whose part it is."""
_PART_MAX: Final = 1_000_000


class Sessions:
    """The operator of session windows, on a `KeyedState` of lists of sessions."""

    def __init__(self, making: Making) -> None:
        self._spec: WindowSpec = making.computation.spec
        assert isinstance(making.state, KeyedState)
        self._state = making.state
        self._clock = making.clock
        self._clock.grace = self._spec.grace
        self._gathering = gathering_of(making.computation)
        self._results = Results(making.computation, self._gathering)
        self._gap, self._longest = self._spec.windows.size, self._spec.windows.longest
        self._computation = making.computation
        self._schedule: Schedule[Any] = Schedule(min(self._gap // PARTS, _PART_MAX))
        self._changes: Changes[Any, None] = Changes(making.wall, self._spec.emit_every)
        """Keys."""
        for held, sessions in self._state.by_key.items():
            self._remind(held, sessions, self._clock.time)
            self._note_changed(held)

    def _end(self, session: Session) -> int:
        end: int = session[LAST] + self._gap
        return end if self._longest is None else min(end, session[START] + self._longest)

    def _remind(self, held: Any, sessions: list[Session], now: int) -> None:
        ends = map(self._end, sessions)
        self._schedule.put(min(end if end > now else end + self._spec.grace for end in ends), held)

    # ---- records ---------------------------------------------------------------------------------

    def on_batch(self, batch: Batch, failures: list[Failure], side: int = 0) -> Batch:  # noqa: ARG002
        """Take the records in; what sessions say of it at once, by `emit` and `grace`."""
        batch, columns = self._gathering.columns(batch, failures)
        if not batch.values:
            return nothing()
        part = Part(hold_all(batch), batch.values, batch.times, columns)
        now = self._clock.time
        self._state.touch(part.held)
        failed = len(failures)
        adding = Adding(
            self._computation,
            self._gathering,
            part,
            by_key=self._state.by_key,
            end=self._end,
            now=now,
            bound=self._clock.bound,
        )
        if self._spec.corrects:
            done = adding.run_noting(failures)
        elif self._longest is None:
            done = adding.run(failures, self._gap)
        else:
            done = adding.run_bounded(failures)
        if done.late or len(failures) > failed:
            self._state.mark(part.held)
        else:
            self._state.mark_all(part.held)
        if done.late:
            gone = batch.reorder(done.late)
            windows = (f"its session up to {time + self._gap}" for time in gone.times or ())
            self._results.late(gone, windows, watermark=now, failures=failures)
        for held in done.begun:
            self._remind(held, self._state.by_key[held], now)
        if not self._spec.corrects:
            return nothing()
        by_key = self._state.by_key
        there = {id(session) for held in done.begun for session in by_key[held]}
        changed = [each for number, each in done.changed.items() if number in there]
        return self._say(changed, failures)

    # ---- results before and after the end --------------------------------------------------------

    def _say(self, changed: Iterable[tuple[Any, Session]], failures: list[Failure]) -> Batch:
        found: list[Result] = []
        for held, session in changed:
            if self._end(session) <= self._clock.time:
                found.append(self._said(held, session, "late"))
            elif self._spec.emit is Emit.UPDATES:
                found.append(self._said(held, session, "early"))
            else:
                self._note_changed(held)
        return self._results.of_each(found, failures) if found else nothing()

    def _said(self, held: Any, session: Session, pane: Pane) -> Result:
        """A result of *session*, which takes the place of those before."""
        window: Extent = (session[START], self._end(session))
        if not self._spec.corrects:
            return held, window, session[ROW], pane, ()
        replaces = tuple(each for each in session[SAID] if each != window)
        session[SAID] = (window,)
        return held, window, session[ROW], pane, replaces

    def _note_changed(self, held: Any) -> None:
        if self._spec.emit is Emit.EVERY:
            self._changes.since[held] = None
            self._changes.noted()

    @property
    def wall_due(self) -> int | None:
        """When sessions that have changed say so on the wall clock."""
        return self._changes.due

    def on_wall(self, now: int, failures: list[Failure]) -> Iterator[Batch]:  # noqa: ARG002
        """What is in open sessions of keys that have changed."""
        changed = self._changes.take()
        found: list[Result] = []
        for held in changed:
            sessions = self._state.by_key.get(held, ())
            self._state.touch((held,))
            for session in sessions:
                if self._end(session) > self._clock.time:
                    found.append(self._said(held, session, "early"))
                    self._state.of(held)
            if len(found) >= RESULTS_MAX:
                yield self._results.of_each(found, failures)
                found = []
        if found:
            yield self._results.of_each(found, failures)

    # ---- the end ---------------------------------------------------------------------------------

    def on_watermark(self, time: int, failures: list[Failure]) -> Iterator[Batch]:
        """The results of sessions that end at *time* or before, and let go of what is over."""
        for items in self._schedule.take(time):
            if self._spec.corrects:
                self._state.touch(items)
            found, gone = self._look_at(items, time)
            self._state.delete(gone)
            yield self._results.of_each(found, failures) if found else nothing()

    def _look_at(self, items: list[Any], time: int) -> tuple[list[Result], list[Any]]:
        """The results that keys of *items* have at *time*, and the keys that go with them."""
        before, grace, get = self._clock.time, self._spec.grace, self._state.by_key.get
        end_of, put = self._end, self._schedule.put
        found: list[Result] = []
        gone: list[Any] = []
        kept: dict[Any, list[Session]] = {}
        for held in items:
            sessions = get(held)
            if sessions is None:
                continue
            if len(sessions) == 1:
                session = sessions[0]
                end = end_of(session)
                if end > time:
                    put(end, held)
                    continue
                if not grace:
                    if before < end:  # else it was said before a restart, when there was grace
                        found.append(self._said(held, session, "on_time"))
                    gone.append(held)
                    continue
            left = []
            for session in sessions:
                end = end_of(session)
                if before < end <= time:
                    found.append(self._said(held, session, "on_time"))
                if end + grace > time:
                    left.append(session)
            if left:
                kept[held] = left
                self._remind(held, left, time)
            else:
                gone.append(held)
        self._state.put(kept)
        return found, gone
