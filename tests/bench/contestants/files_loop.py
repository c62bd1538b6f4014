"""The hand-written loops of `make bench-files`. Arguments: workload, input, output, JSON library.

What a good programmer writes who needs no engine: one process, no threads, the same functions.
"""

import csv
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from bench.filework import (
    Total,
    add,
    add_size,
    change,
    double,
    is_served,
    measure,
    parse_request,
    path_of,
    split,
    user_of,
)

try:
    import orjson
except ImportError:
    orjson = None  # type: ignore[assignment]


def lines(source: TextIO, out: TextIO) -> None:
    for line in source:
        for word in split(line):
            out.write(f"{word}\n")


def tsv(source: TextIO, out: TextIO) -> None:
    for line in source:
        for word in split(line):
            text, length = measure(word)
            out.write(f"{text}\t{length}\n")


def table(source: TextIO, out: TextIO) -> None:
    rows = csv.reader(source)
    names = next(rows)
    writer = csv.writer(out)
    writer.writerow(names)
    for row in rows:
        writer.writerow(double(dict(zip(names, row, strict=True))).values())


def weblog(source: TextIO, out: TextIO) -> None:
    totals: dict[str, Total] = {}
    for line in source:
        request = parse_request(line)
        if request is None or not is_served(request):
            continue
        path = path_of(request)
        total = totals.get(path)
        if total is None:
            total = totals[path] = Total()
        where, hour, size = add_size(request, total)
        out.write(f"{where}\t{hour}\t{size}\n")


def summed(orders: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    totals: dict[str, Total] = {}
    for order in orders:
        user = user_of(order)
        total = totals.get(user)
        if total is None:
            total = totals[user] = Total()
        yield add(order, total)


def with_json(workload: str, source: TextIO, out: TextIO) -> None:
    loads, dumps = json.loads, json.dumps
    if workload in ("json", "typed"):
        for line in source:
            out.write(dumps(change(loads(line))) + "\n")
    else:
        for record in summed(map(loads, source)):
            out.write(dumps(record) + "\n")


def with_orjson(workload: str, source: Any, out: Any) -> None:
    loads, dumps = orjson.loads, orjson.dumps
    if workload in ("json", "typed"):
        for line in source:
            out.write(dumps(change(loads(line))) + b"\n")
    else:
        for record in summed(map(loads, source)):
            out.write(dumps(record) + b"\n")


TEXTS: dict[str, Callable[[TextIO, TextIO], None]] = {
    "lines": lines,
    "tsv": tsv,
    "csv": table,
    "weblog": weblog,
}


def main() -> None:
    workload, path, directory, library = sys.argv[1:]
    if workload in TEXTS:
        newline = "" if workload == "csv" else None
        with (
            open(path, newline=newline) as source,
            open(f"{directory}/out", "w", newline="") as out,
        ):
            TEXTS[workload](source, out)
    elif library == "orjson":
        with open(path, "rb") as source, open(f"{directory}/out", "wb") as out:
            with_orjson(workload, source, out)
    else:
        with open(path) as source, open(f"{directory}/out", "w") as out:
            with_json(workload, source, out)


if __name__ == "__main__":
    main()
