"""Bytewax, as its own documentation writes a dataflow, in a source and a sink on lists."""

from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from bench.contestants.bytewax_parts import MemorySink, MemorySource
from bench.functions import (
    Total,
    add,
    change,
    count,
    encode,
    format_count,
    parse,
    split,
    word_itself,
)
from bench.job import Job, Probe

JOB = Job.here()
PROBE = Probe(JOB)
PARTS = [JOB.input(part) for part in range(JOB.parts)]


def count_word(total: Total | None, word: str) -> tuple[Total, tuple[str, int]]:
    if total is None:
        total = Total()
    return total, count(word, total)


def add_up(total: Total | None, value: int) -> tuple[Total, int]:
    if total is None:
        total = Total()
    return total, add(("", value), total)[1]


def format_item(item: tuple[str, tuple[str, int]]) -> str:
    return format_count(item[1])


def steps(workload: str, source: Any) -> Any:
    if workload == "W1":
        words = op.key_on("key", op.flat_map("split", source, split), word_itself)
        return op.map("format", op.stateful_map("count", words, count_word), format_item)
    if workload == "W2":  # the records are keyed as Bytewax wants them: (key, value)
        return op.stateful_map("add", source, add_up)
    changed = op.map("change", op.map("parse", source, parse), change)
    return op.map("encode", changed, encode)


flow = Dataflow("bench")
source = op.input("in", flow, MemorySource(PARTS, PROBE, JOB.batch))
op.output("out", steps(JOB.workload, source), MemorySink(PROBE))
