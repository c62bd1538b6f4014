"""The input of the workloads: seeded, in memory, dealt into parts; the same for all contestants."""

import functools
import itertools
import random
from typing import Any

from bench import timedata

WORDS = 10_000
WORDS_IN_LINE = 10
KEYS = 10_000
ORDER = '{{"id":{id},"user":"user-{user}","amount":{amount},"note":"as agreed by telephone"}}'
SIZES = {"W1": 100_000, "W2": 1_500_000, "W3": 1_000_000}
"""Records in all: lines in W1."""


def size_of(workload: str) -> int:
    """Records in all."""
    return SIZES[workload] if workload in SIZES else timedata.SIZES[workload]


def counted(workload: str, size: int, parts: int) -> int:
    """What a rate counts in *size* records dealt into *parts*: words in W1, records elsewhere."""
    return size // parts * parts * (WORDS_IN_LINE if workload == "W1" else 1)


def records_of(workload: str, size: int, *, part: int, parts: int, seed: int) -> list[Any]:
    """The records of one part of *size* records in all."""
    count = size // parts
    choose = random.Random(f"{seed} {workload} {part}")
    return MAKERS[workload](choose, count)


@functools.cache
def _vocabulary() -> tuple[list[str], list[float]]:
    """Words, and how often they come: the n-th word 1/n times as often as the first."""
    choose = random.Random("vocabulary")
    letters = "abcdefghijklmnopqrstuvwxyz"
    words: dict[str, None] = {}
    while len(words) < WORDS:
        words["".join(choose.choices(letters, k=choose.randint(2, 10)))] = None
    weights = itertools.accumulate(1 / (rank + 1) for rank in range(WORDS))
    return list(words), list(weights)


def _lines(choose: random.Random, count: int) -> list[str]:
    words, weights = _vocabulary()
    chosen = choose.choices(words, cum_weights=weights, k=count * WORDS_IN_LINE)
    return [
        " ".join(chosen[start : start + WORDS_IN_LINE])
        for start in range(0, len(chosen), WORDS_IN_LINE)
    ]


def _pairs(choose: random.Random, count: int) -> list[tuple[str, int]]:
    keys = [f"key-{number}" for number in range(KEYS)]
    values = choose.choices(range(1, 101), k=count)
    return list(zip(choose.choices(keys, k=count), values, strict=True))


def orders(choose: random.Random, count: int) -> list[tuple[int, int, int]]:
    """Number, user and amount of each order of W3."""
    users = choose.choices(range(5000), k=count)
    amounts = choose.choices(range(1, 1000), k=count)
    return list(zip(range(count), users, amounts, strict=True))


def _json(choose: random.Random, count: int) -> list[bytes]:
    return [
        ORDER.format(id=number, user=user, amount=amount).encode()
        for number, user, amount in orders(choose, count)
    ]


MAKERS = {"W1": _lines, "W2": _pairs, "W3": _json}
