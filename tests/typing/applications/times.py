"""What a type checker knows of event time, and what it refuses."""

from datetime import datetime

import wallarood as w


class Reading:
    at: datetime
    value: float


def read(line: str) -> Reading | None:
    raise NotImplementedError


@w.computation_multi
def read_all(line: str) -> list[Reading]:
    raise NotImplementedError


def when(reading: Reading) -> datetime:
    return reading.at


lines = w.ListSource(["a"])
by_clock = w.event_time(when)
reveal_type(by_clock)  # type: Time[times.Reading]
reveal_type(w.source("in", lines, time=w.ingest_time()))  # type: Stream[str]
reveal_type(w.source("in", lines, parse=len))  # type: Stream[int]
reveal_type(w.source("in", lines, parse=read))  # type: Stream[times.Reading]
reveal_type(w.source("in", lines, parse=read, time=by_clock))  # type: Stream[times.Reading]
reveal_type(w.source("in", lines, parse=read_all, time=by_clock))  # type: Stream[times.Reading]
w.source("in", lines, time=by_clock)  # error: Cannot infer value of type parameter "T"
w.source("in", lines, parse=when)  # error: Argument "parse" to "source" has incompatible type
w.event_time(when, unit="minutes")  # error: Argument "unit" to "event_time" has incompatible type
w.event_time(when, idle=5)  # error: Argument "idle" to "event_time" has incompatible type
