"""The hand-written loop: what a good programmer writes who needs no engine, over batches.

It calls the same functions. One process, no threads; it waits for a line on stdin, so that several
loops can be started together.
"""

import sys
from collections.abc import Callable
from typing import Any

from bench.functions import (
    Total,
    add,
    change,
    count,
    encode,
    first,
    format_count,
    parse,
    split,
    word_itself,
)
from bench.job import Job, Probe


def make_counter() -> Callable[[list[str]], list[str]]:
    totals: dict[str, Total] = {}

    def batch(lines: list[str]) -> list[str]:
        out = []
        for line in lines:
            for word in split(line):
                key = word_itself(word)
                total = totals.get(key)
                if total is None:
                    total = totals[key] = Total()
                out.append(format_count(count(word, total)))
        return out

    return batch


def make_summer() -> Callable[[list[tuple[str, int]]], list[tuple[str, int]]]:
    totals: dict[str, Total] = {}

    def batch(records: list[tuple[str, int]]) -> list[tuple[str, int]]:
        out = []
        for record in records:
            key = first(record)
            total = totals.get(key)
            if total is None:
                total = totals[key] = Total()
            out.append(add(record, total))
        return out

    return batch


def make_changer() -> Callable[[list[bytes]], list[bytes]]:
    return lambda lines: [encode(change(parse(line))) for line in lines]


MAKERS: dict[str, Callable[[], Callable[[list[Any]], list[Any]]]] = {
    "W1": make_counter,
    "W2": make_summer,
    "W3": make_changer,
}


def main() -> None:
    job = Job.here()
    records = job.input(job.part)
    probe = Probe(job)
    batch = MAKERS[job.workload]()
    print("ready", flush=True)
    sys.stdin.readline()
    for start in range(0, len(records), job.batch):
        probe.reads()
        probe.wrote(batch(records[start : start + job.batch]))


if __name__ == "__main__":
    main()
