"""Windows by hand: loops that bucket, judge lateness and fire, as an author would write each.

Each takes batches of (key, number) with stamps, each with the watermark behind it, and gives (key,
start, end, value) of each window.
"""

from collections.abc import Callable

from wallarood.model.batch import Batch
from wallarood.model.time import MAX_TIME, MIN_TIME

SECOND = 1_000_000

Result = tuple[str, int, int, int]
Batches = list[tuple[Batch, int]]
Work = Callable[[Batches], list[Result]]
Step = Callable[[int, tuple[str, int]], int]


def tumbling(size_s: int) -> Work:
    """Sums in tumbling windows."""
    size = size_s * SECOND

    def run(work: Batches) -> list[Result]:
        buckets: dict[int, dict[str, int]] = {}
        mark = MIN_TIME
        out: list[Result] = []
        for batch, behind in work:
            for (key, number), at in zip(batch.values, batch.times or (), strict=True):
                start = at - at % size
                if start + size > mark:
                    bucket = buckets.get(start)
                    if bucket is None:
                        bucket = buckets[start] = {}
                    bucket[key] = bucket.get(key, 0) + number
            mark = behind
            _fire(buckets, size, until=mark, out=out)
        _fire(buckets, size, until=MAX_TIME, out=out)
        return out

    return run


def fold(size_s: int, step: Step) -> Work:
    """What a function makes of the records of tumbling windows."""
    size = size_s * SECOND

    def run(work: Batches) -> list[Result]:
        buckets: dict[int, dict[str, int]] = {}
        mark = MIN_TIME
        out: list[Result] = []
        for batch, behind in work:
            for record, at in zip(batch.values, batch.times or (), strict=True):
                start = at - at % size
                if start + size > mark:
                    bucket = buckets.get(start)
                    if bucket is None:
                        bucket = buckets[start] = {}
                    key = record[0]
                    bucket[key] = step(bucket.get(key, 0), record)
            mark = behind
            _fire(buckets, size, until=mark, out=out)
        _fire(buckets, size, until=MAX_TIME, out=out)
        return out

    return run


def hopping(size_s: int, every_s: int) -> Work:
    """Sums in hopping windows: a record goes into each of its windows."""
    size, every = size_s * SECOND, every_s * SECOND

    def run(work: Batches) -> list[Result]:
        buckets: dict[int, dict[str, int]] = {}
        mark = MIN_TIME
        out: list[Result] = []
        for batch, behind in work:
            for (key, number), at in zip(batch.values, batch.times or (), strict=True):
                start = at - at % every
                while start > at - size and start + size > mark:
                    bucket = buckets.get(start)
                    if bucket is None:
                        bucket = buckets[start] = {}
                    bucket[key] = bucket.get(key, 0) + number
                    start -= every
            mark = behind
            _fire(buckets, size, until=mark, out=out)
        _fire(buckets, size, until=MAX_TIME, out=out)
        return out

    return run


def _fire(buckets: dict[int, dict[str, int]], size: int, *, until: int, out: list[Result]) -> None:
    for start in sorted(start for start in buckets if start + size <= until):
        for key, total in buckets.pop(start).items():
            out.append((key, start, start + size, total))


def session(gap_s: int) -> Work:
    """Sums in sessions; those that are over are looked for a few times in each gap."""
    gap = gap_s * SECOND
    pause = max(SECOND // 2, gap // 10)

    def run(work: Batches) -> list[Result]:
        state: dict[str, list[list[int]]] = {}
        mark = fired = MIN_TIME
        out: list[Result] = []

        def fire(until: int) -> None:
            for key, sessions in list(state.items()):
                keep = [each for each in sessions if each[1] + gap > until]
                if len(keep) < len(sessions):
                    for start, last, total in sessions:
                        if last + gap <= until:
                            out.append((key, start, last + gap, total))
                    state[key] = keep
                    if not keep:
                        del state[key]

        for batch, behind in work:
            for (key, number), at in zip(batch.values, batch.times or (), strict=True):
                sessions = state.get(key)
                if sessions is None:
                    if at + gap > mark:
                        state[key] = [[at, at, number]]
                elif len(sessions) == 1 and sessions[0][0] <= at < sessions[0][1] + gap:
                    sessions[0][2] += number
                    sessions[0][1] = max(sessions[0][1], at)
                else:
                    new, keep = [at, at, number], []
                    for each in sessions:
                        if each[0] < new[1] + gap and new[0] < each[1] + gap:
                            new = [min(each[0], new[0]), max(each[1], new[1]), each[2] + new[2]]
                        else:
                            keep.append(each)
                    if new[1] + gap > mark:
                        state[key] = sorted([*keep, new])
            mark = behind
            if mark > fired + pause:
                fire(mark)
                fired = mark
        fire(MAX_TIME)
        return out

    return run
