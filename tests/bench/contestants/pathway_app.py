"""Pathway, as its own documentation writes a program: its own operators over its file connectors.

Python is called where its operators cannot do the work: in W1 to split a line, in W3 for a record.
Its input is files, which it reads faster than records that Python hands over one by one; they are
written before the clock starts. It is run in its static mode, so W1 and W2 give final values only.
The clock runs from the start of its engine to the last output.
"""

from pathlib import Path
from typing import Any

import pathway as pw

from bench.functions import change, encode, parse, split
from bench.job import Job, Probe

JOB = Job.here()
INPUT = Path(JOB.out) / "input"


class Pair(pw.Schema):
    key: str
    value: int


def table_of(workload: str) -> Any:
    path = str(INPUT)
    if workload == "W1":
        lines = pw.io.fs.read(path, format="plaintext", mode="static")
        words = lines.select(word=pw.apply_with_type(split, list[str], lines.data))
        words = words.flatten(words.word)
        return words.groupby(words.word).reduce(words.word, count=pw.reducers.count())
    if workload == "W2":
        pairs = pw.io.csv.read(path, schema=Pair, mode="static")
        return pairs.groupby(pairs.key).reduce(pairs.key, sum=pw.reducers.sum(pairs.value))
    lines = pw.io.fs.read(path, format="plaintext", mode="static")
    return lines.select(order=pw.apply_with_type(changed, str, lines.data))


def changed(line: str) -> str:
    return encode(change(parse(line.encode()))).decode()


def output_of(row: dict[str, Any]) -> Any:
    if JOB.workload == "W1":
        return f"{row['word']} {row['count']}"
    return (row["key"], row["sum"]) if JOB.workload == "W2" else row["order"].encode()


def main() -> None:
    """Run this process of the program; the first one has the outputs."""
    probe = Probe(JOB)

    def arrived(key: Any, row: dict[str, Any], time: int, is_addition: bool) -> None:
        probe.wrote([output_of(row)])

    pw.io.subscribe(table_of(JOB.workload), on_change=arrived)
    probe.reads()
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)


if __name__ == "__main__":
    main()
