"""Input of `make bench-files`, and what must come out, computed without the users' functions."""

import itertools
import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.data import ORDER, orders, records_of

SIZES = {
    "lines": 200_000,
    "tsv": 200_000,
    "csv": 1_000_000,
    "json": 1_000_000,
    "sum": 1_000_000,
    "typed": 1_000_000,
    "weblog": 200_000,
}
"""Records of input. For lines and tsv a record is a line of ten words."""
OUTPUTS = {"lines": 10, "tsv": 10}
"""Records of output for one of input, where it is not one."""
PATHS = [f"/shop/item-{number}" for number in range(2_000)]


def write_input(path: Path, workload: str, size: int, *, seed: int) -> None:
    """Write *size* records of *workload* to *path*."""
    with path.open("w") as file:
        file.writelines(f"{line}\n" for line in INPUTS[workload](size, seed))


def _words(size: int, seed: int) -> Iterator[str]:
    return iter(records_of("W1", size, part=0, parts=1, seed=seed))


def _pairs(size: int, seed: int) -> Iterator[str]:
    pairs = records_of("W2", size, part=0, parts=1, seed=seed)
    return itertools.chain(["key,value"], (f"{key},{value}" for key, value in pairs))


def _orders(size: int, seed: int) -> Iterator[str]:
    for number, user, amount in orders(random.Random(seed), size):
        yield ORDER.format(id=number, user=user, amount=amount)


KEYED: dict[str, Callable[[str], str]] = {
    "sum": lambda line: str(json.loads(line)["user"]),
    "weblog": lambda line: line.partition("\t")[0],
}
"""The key of a line of output."""

Request = tuple[str, int, int, int]


def _requests(size: int, seed: int) -> Iterator[Request]:
    choose = random.Random(seed)
    for number in range(size):
        path = PATHS[int(len(PATHS) * choose.random() ** 3)]
        yield path, number // 3600 % 24, choose.choice((200, 200, 200, 304, 404)), number % 9000


def _log(size: int, seed: int) -> Iterator[str]:
    for number, (path, hour, status, length) in enumerate(_requests(size, seed)):
        yield (
            f"10.0.{number % 250}.{number % 199} - - [10/Oct/2025:{hour:02d}:55:36 +0000] "
            f'"GET {path}?from=mail HTTP/1.1" {status} {length} "-" "Mozilla/5.0 (X11)"'
        )


INPUTS: dict[str, Callable[[int, int], Iterator[str]]] = {
    "lines": _words,
    "tsv": _words,
    "csv": _pairs,
    "json": _orders,
    "sum": _orders,
    "typed": _orders,
    "weblog": _log,
}


def mistake_in(output: str, workload: str, size: int, *, seed: int) -> str:
    """What is wrong with the lines of *output*; empty if nothing is."""
    found = output.splitlines()
    if workload in ("json", "typed", "sum"):
        found = [json.dumps(json.loads(line)) for line in found]
    expected = list(_expected(workload, size, seed))
    if workload in KEYED:  # the order among keys is open
        found, expected = (sorted(lines, key=KEYED[workload]) for lines in (found, expected))
    if found == expected:
        return ""
    if len(found) != len(expected):
        return f"{len(found):,} lines, expected {len(expected):,}"
    place = next(
        at for at, pair in enumerate(zip(found, expected, strict=True)) if len({*pair}) > 1
    )
    return f"line {place + 1:,} is {found[place]!r}, expected {expected[place]!r}"


def _expected(workload: str, size: int, seed: int) -> Iterator[str]:
    match workload:
        case "lines":
            yield from (word for line in _words(size, seed) for word in line.split(" "))
        case "tsv":
            for line in _words(size, seed):
                yield from (f"{word}\t{len(word)}" for word in line.split(" "))
        case "csv":
            yield "key,value"
            for key, value in records_of("W2", size, part=0, parts=1, seed=seed):
                yield f"{key},{value * 2}"
        case "json" | "typed":
            for number, user, amount in orders(random.Random(seed), size):
                made = ORDER.format(id=number, user=user, amount=amount * 2)
                yield json.dumps(json.loads(made))
        case "sum":
            sums: dict[int, int] = defaultdict(int)
            for _, user, amount in orders(random.Random(seed), size):
                sums[user] += amount
                yield json.dumps({"user": f"user-{user}", "sum": sums[user]})
        case _:
            sizes: dict[str, int] = defaultdict(int)
            for path, hour, status, length in _requests(size, seed):
                if status < 400:
                    sizes[path] += length
                    yield f"{path}\t{hour}\t{sizes[path]}"
