"""What the outputs must be, computed without any of the functions that the contestants call.

With several parts of input their order is open: so W1 and W2 are checked key by key. The counts of
a word are 1, 2, 3, …; the steps between the sums of a key are, in some order, the values it had.
"""

import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from bench import timedata
from bench.data import ORDER, orders, records_of
from bench.job import Job


def mistake_in(
    outputs: list[list[Any]], job: Job, taken: Sequence[int], *, finals: bool = False
) -> str:
    """What is wrong with *outputs*, a list for each process, of the parts *taken*; else empty.

    With *finals* not every update is asked for, but that the last of each key is right.
    """
    if job.workload in timedata.SIZES:
        return timedata.mistake_in(outputs, job.workload, [job.sides()[part] for part in taken])
    if job.workload == "W3":
        return _orders(outputs, job, taken, ordered=len(taken) == 1 and not finals)
    records: list[Any] = []
    for part in taken:
        records += records_of(job.workload, job.size, part=part, parts=job.parts, seed=job.seed)
    if finals:
        return _finals(outputs, records)
    return _counts(outputs, records) if job.workload == "W1" else _sums(outputs, records)


def _by_key(outputs: list[list[Any]], where: dict[str, int]) -> dict[str, list[int]]:
    """The values of each key in their order; *where* notes which process a key was seen on."""
    found: dict[str, list[int]] = defaultdict(list)
    for process, part in enumerate(outputs):
        for output in part:
            key, value = output.split(" ") if isinstance(output, str) else output
            if where.setdefault(key, process) != process:
                found[key].append(-1)  # a key on two processes
            found[key].append(int(value))
    return found


def _counts(outputs: list[list[Any]], lines: list[str]) -> str:
    expected = Counter(word for line in lines for word in line.split(" "))
    found = _by_key(outputs, {})
    for word, times in expected.items():
        if found.get(word) != list(range(1, times + 1)):
            return f"{word!r} is not counted from 1 to {times} on one process"
    return "" if len(found) == len(expected) else "there are counts of words that never came"


def _sums(outputs: list[list[Any]], records: list[tuple[str, int]]) -> str:
    expected: dict[str, list[int]] = defaultdict(list)
    for key, value in records:
        expected[key].append(value)
    found = _by_key(outputs, {})
    for key, values in expected.items():
        sums = [0, *found.get(key, [])]
        steps = [after - before for before, after in itertools.pairwise(sums)]
        if sorted(steps) != sorted(values):
            return f"the sums of {key!r} are not those of its {len(values)} values"
    return "" if len(found) == len(expected) else "there are sums of keys that never came"


def _finals(outputs: list[list[Any]], records: list[Any]) -> str:
    expected: Counter[str] = Counter()
    for record in records:
        if isinstance(record, str):
            expected.update(record.split(" "))
        else:
            expected[record[0]] += record[1]
    found = {key: values[-1] for key, values in _by_key(outputs, {}).items()}
    wrong = [key for key, value in expected.items() if found.get(key) != value]
    if wrong:
        return f"the last of {wrong[0]!r} is {found.get(wrong[0])}, not {expected[wrong[0]]}"
    return "" if len(found) == len(expected) else "there are values of keys that never came"


def _orders(outputs: list[list[Any]], job: Job, taken: Sequence[int], *, ordered: bool) -> str:
    count = job.size // job.parts
    expected = [
        ORDER.format(id=number, user=user, amount=amount * 2).encode()
        for part in taken
        for number, user, amount in orders(random.Random(f"{job.seed} W3 {part}"), count)
    ]
    found = [order for part in outputs for order in part]
    if ordered:
        return "" if found == expected else "the orders are not those expected, in their order"
    return "" if sorted(found) == sorted(expected) else "the orders are not those expected"
