"""Adding records to the sessions of their keys: finding them, making them, joining them."""

from collections.abc import Callable
from operator import itemgetter
from typing import Any, Final, TypeAlias

import attrs

from wallarood.flow.failures import Failure, fail
from wallarood.flow.windows.gathering import Gathering
from wallarood.flow.windows.part import Part
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
    """What came of a batch.

    `begun` are keys with a session that is new, or ends otherwise than it would have. `changed`
    has, by their identity, the sessions that have new records, or had before they joined another;
    it is empty where it was not asked for. `late` are the places of records that were late.
    """

    begun: dict[Any, None] = attrs.field(factory=dict)
    changed: dict[int, tuple[Any, Session]] = attrs.field(factory=dict)
    late: list[int] = attrs.field(factory=list)


class Adding:
    """Adds the records of *part* to the sessions *by_key*, of which a capture need not be told.

    *end* says where a session ends; those that end at *now* or before have closed, those that end
    at *bound* or before are over.
    """

    def __init__(
        self,
        computation: Computation,
        gathering: Gathering,
        part: Part,
        *,
        by_key: dict[Any, list[Session]],
        end: Callable[[Session], int],
        now: int,
        bound: int,
    ) -> None:
        self._computation = computation
        self._gathering = gathering
        self._part = part
        self._times: list[int] = part.times or []
        self._by_key = by_key
        self._end, self._now, self._bound = end, now, bound
        self._step = gathering.stepping(part)
        self._done = Added()

    def run(self, failures: list[Failure], gap: int) -> Added:
        """Add all records, and note no changes but keys in `begun`: where none are asked for.

        Sessions end *gap* after their last record: then none overlap, so that a record that is not
        before the last one of its key goes on with it, or begins another.
        """
        get, step, now, begun = self._by_key.get, self._step, self._now, self._done.begun
        for place, (held, time) in enumerate(zip(self._part.held, self._times, strict=True)):
            sessions = get(held)
            try:
                if time < now:
                    pass
                elif sessions is None:
                    self._by_key[held] = [[time, time, step(None, place), ()]]
                    begun[held] = None
                    continue
                else:
                    session = sessions[-1]
                    last = session[1]
                    if time >= last + gap:
                        sessions.append([time, time, step(None, place), ()])
                        continue
                    if time >= session[0]:
                        session[2] = step(session[2], place)
                        if time > last:
                            session[1] = time
                        continue
            except BaseException as error:
                fail(self._computation, self._part.values[place], error, failures=failures)
                continue
            self._add(place, held, sessions or [], failures=failures)
        return self._done

    def run_bounded(self, failures: list[Failure]) -> Added:
        """As `run`, where sessions have a greatest length as well."""
        get, end_of, step, now = self._by_key.get, self._end, self._step, self._now
        for place, (held, time) in enumerate(zip(self._part.held, self._times, strict=True)):
            sessions = get(held)
            if sessions is not None and len(sessions) == 1:
                session = sessions[0]
                end = end_of(session)
                if session[0] <= time < end and end > now:
                    try:
                        session[2] = step(session[2], place)
                    except BaseException as error:
                        fail(self._computation, self._part.values[place], error, failures=failures)
                        continue
                    if time > session[1]:  # noqa: PLR1730 - for each record
                        session[1] = time
                    continue
            self._add(place, held, sessions or [], failures=failures)
        return self._done

    def run_noting(self, failures: list[Failure]) -> Added:
        """Add all records, and note which sessions have changed."""
        for place, held in enumerate(self._part.held):
            self._add(place, held, self._by_key.get(held, []), failures=failures)
        return self._done

    def _add(
        self, place: int, held: Any, sessions: list[Session], *, failures: list[Failure]
    ) -> None:
        """Add a record, which may fail: nothing changes before it has not."""
        joined = self._joined(place, sessions)
        if joined is None:
            self._done.late.append(place)
            return
        try:
            row = joined[0][ROW] if joined else None
            for session in joined[1:]:
                row = self._gathering.merge_two(row, session[ROW])
            row = self._step(row, place)
        except BaseException as error:
            fail(self._computation, self._part.values[place], error, failures=failures)
            return
        session = self._unite(place, held, sessions, joined=joined)
        session[ROW] = row
        self._done.changed[id(session)] = (held, session)
        self._done.begun[held] = None

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

    def _unite(
        self, place: int, held: Any, sessions: list[Session], *, joined: list[Session]
    ) -> Session:
        """The one session of *joined* and the record at *place*; the others keep theirs."""
        time = self._times[place]
        if not joined:
            session: Session = [time, time, None, ()]
            if not sessions:
                self._by_key[held] = [session]
                return session
            sessions = [*sessions, session]
        else:
            session = joined[0]
            for other in joined[1:]:
                session[START] = min(session[START], other[START])
                session[LAST] = max(session[LAST], other[LAST])
                session[SAID] += other[SAID]
            session[START], session[LAST] = min(session[START], time), max(session[LAST], time)
            if len(joined) == 1:
                return session
            gone = set(map(id, joined[1:]))
            sessions = [each for each in sessions if id(each) not in gone]
        sessions.sort(key=_start)
        self._by_key[held] = sessions
        return session
