"""The user functions of the workloads: all contestants call these very functions.

Nothing but the standard library is imported here, and orjson by W3 alone.
"""

import contextlib
import dataclasses
from typing import Any

with contextlib.suppress(ImportError):
    import orjson

# W1: count words. Split a line, key by the word, count with a state per key, format each update.


def split(line: str) -> list[str]:
    return line.split()


def word_itself(word: str) -> str:
    return word


@dataclasses.dataclass(slots=True)
class Total:
    value: int = 0


def count(word: str, total: Total) -> tuple[str, int]:
    total.value += 1
    return word, total.value


def format_count(counted: tuple[str, int]) -> str:
    return f"{counted[0]} {counted[1]}"


# W2: a running sum per key. One output a record.


def first(record: tuple[str, int]) -> str:
    return record[0]


def amount(record: tuple[str, int]) -> int:
    return record[1]


def add(record: tuple[str, int], total: Total) -> tuple[str, int]:
    total.value += record[1]
    return record[0], total.value


# W4: a state is touched, and the record goes on.


def touch(record: tuple[str, float], total: Total) -> tuple[str, float]:
    total.value += 1
    return record


def first_of_timed(record: tuple[str, float]) -> str:
    return record[0]


# W3: no state. Parse JSON, change a field, encode JSON.


def parse(line: bytes) -> dict[str, Any]:
    return orjson.loads(line)


def change(order: dict[str, Any]) -> dict[str, Any]:
    order["amount"] *= 2
    return order


def encode(order: dict[str, Any]) -> bytes:
    return orjson.dumps(order)
