"""Adding records to the sessions of their keys: finding them, making them, joining them."""

from collections.abc import Callable
from operator import itemgetter
from typing import Any, Final, TypeAlias

import attrs

from wallarood.flow.failures import Failure, fail
from wallarood.flow.windows.gathering import Gathering, Part
from wallarood.model.pipeline import Computation

Session: TypeAlias = list[Any]
"""The stamps of its first and last record, its row, and the windows that were emitted of it."""
START: Final = 0
LAST: Final = 1
ROW: Final = 2
SAID: Final = 3
_start: Final = itemgetter(START)


@attrs.define(eq=False)
class Added:
    """What came of a batch: the sessions of the keys that it touched, and the places of late ones.

    `begun` are keys that have a session which they did not have before. `by_session` has, by their
    identity, the sessions that have new records, or had before they joined another.
    """

    kept: dict[Any, list[Session]] = attrs.field(factory=dict)
    begun: dict[Any, None] = attrs.field(factory=dict)
    late: list[int] = attrs.field(factory=list)
    by_session: dict[int, tuple[Any, Session]] = attrs.field(factory=dict)

    @property
    def changed(self) -> list[tuple[Any, Session]]:
        """Keys and their sessions that have new records."""
        there = {id(session) for sessions in self.kept.values() for session in sessions}
        return [each for number, each in self.by_session.items() if number in there]


class Adding:
    """Adds the records of *part* to the sessions *by_key*.

    *end* says where a session ends; those that end at *now* or before have closed, those that end
    at *bound* or before are over.
    """

    def __init__(
        self,
        computation: Computation,
        gathering: Gathering,
        part: Part,
        *,
        end: Callable[[Session], int],
        now: int,
        bound: int,
    ) -> None:
        self._computation = computation
        self._gathering = gathering
        self._part = part
        self._times: list[int] = part.times or []
        self._end, self._now, self._bound = end, now, bound
        self._done = Added()
        self._places: list[int] = []
        """Of records that are not added yet; beside them the identities of their sessions."""
        self._waiting: list[int] = []

    def run(self, by_key: dict[Any, list[Session]], failures: list[Failure]) -> Added:
        """Add all records; *by_key* is only looked at, but its sessions change."""
        done, end_of, now = self._done, self._end, self._now
        kept, by_session = done.kept, done.by_session
        wait, wait_at = self._waiting.append, self._places.append
        known = len(failures)
        sure = self._gathering.sure(self._part)
        for place, (held, time) in enumerate(zip(self._part.held, self._times, strict=True)):
            sessions = kept.get(held)
            if sessions is None:
                sessions = by_key.get(held)
                if sessions is not None:
                    kept[held] = sessions
            if not sure:
                self._add_one(place, held, sessions or [], failures=failures)
                continue
            if sessions is not None and len(sessions) == 1:
                session = sessions[0]
                end = end_of(session)
                if session[START] <= time < end and end > now:
                    if time > session[LAST]:  # noqa: PLR1730 - for each record
                        session[LAST] = time
                    number = id(session)
                    by_session[number] = (held, session)
                    wait(number)
                    wait_at(place)
                    continue
            self._add_surely(place, held, sessions or [], failures=failures)
        self._flush(failures)
        if len(failures) > known:
            self._leave_out_empty()
        return done

    def _add_surely(
        self, place: int, held: Any, sessions: list[Session], *, failures: list[Failure]
    ) -> None:
        """Find the session of a record that cannot fail; it is added to its row later."""
        joined = self._joined(place, sessions)
        if joined is None:
            self._done.late.append(place)
            return
        if len(joined) > 1:
            self._flush(failures)
            joined[0][ROW] = self._merged(joined)
        self._waiting.append(id(self._unite(place, held, sessions, joined=joined)))
        self._places.append(place)

    def _add_one(
        self, place: int, held: Any, sessions: list[Session], *, failures: list[Failure]
    ) -> None:
        """Add a record that may fail: nothing changes before it has not."""
        joined = self._joined(place, sessions)
        if joined is None:
            self._done.late.append(place)
            return
        try:
            row = self._gathering.one(self._merged(joined), self._part, place)
        except BaseException as error:
            fail(self._computation, self._part.values[place], error, failures=failures)
            return
        self._unite(place, held, sessions, joined=joined)[ROW] = row

    def _joined(self, place: int, sessions: list[Session]) -> list[Session] | None:
        """The sessions that a record joins, perhaps none; None if it is late for any."""
        start = last = self._times[place]
        joined: list[Session] = []
        for session in sessions:
            if session[START] < self._end([start, last]) and start < self._end(session):
                both = [min(start, session[START]), max(last, session[LAST])]
                if both[LAST] < self._end(both):  # one that is too long stays apart
                    start, last = both
                    joined.append(session)
        return None if self._end([start, last]) <= self._bound else joined

    def _merged(self, joined: list[Session]) -> Any:
        row = joined[0][ROW] if joined else None
        for session in joined[1:]:
            row = self._gathering.merge_two(row, session[ROW])
        return row

    def _unite(
        self, place: int, held: Any, sessions: list[Session], *, joined: list[Session]
    ) -> Session:
        """The one session of *joined* and the record at *place*; the others keep theirs."""
        time = self._times[place]
        if joined:
            session = joined[0]
            starts, lasts, _, said = zip(*joined, strict=True)
            session[START], session[LAST] = min(*starts, time), max(*lasts, time)
            session[SAID] = tuple(window for windows in said for window in windows)
            gone = set(map(id, joined[1:]))
            sessions = [each for each in sessions if id(each) not in gone]
        else:
            session = [time, time, None, ()]
            sessions = [*sessions, session]
        self._done.begun[held] = None
        sessions.sort(key=_start)
        self._done.kept[held] = sessions
        self._done.by_session[id(session)] = (held, session)
        return session

    def _flush(self, failures: list[Failure]) -> None:
        """Bring the rows of the sessions forward by the records that wait."""
        waiting, places = self._waiting[:], self._places[:]
        self._waiting.clear()
        self._places.clear()
        if not places:
            return
        by_session = self._done.by_session
        part = self._part if len(places) == len(self._part) else self._part.pick(places)
        part = attrs.evolve(part, held=waiting)
        rows = {
            number: row
            for number in dict.fromkeys(waiting)
            if (row := by_session[number][1][ROW]) is not None
        }
        for number in self._gathering.add(rows, part, failures):
            by_session[number][1][ROW] = rows[number]

    def _leave_out_empty(self) -> None:
        """Records have failed after all: forget sessions that have none."""
        kept = self._done.kept
        for held, sessions in list(kept.items()):
            kept[held] = [session for session in sessions if session[ROW] is not None]
            if not kept[held]:
                del kept[held]
