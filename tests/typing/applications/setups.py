"""Setups: a type checker knows what a call of one gives, whatever form the function has."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import wallarood as w


@w.setup
def plain() -> dict[str, int]:
    return {}


@w.setup
def generator() -> Iterator[str]:
    yield ""


@w.setup
async def awaited() -> bytes:
    return b""


@w.setup
async def async_generator() -> AsyncIterator[float]:
    yield 0.0


@w.setup(blocking=True)
def in_thread() -> int:
    return 1


@w.setup(blocking=True)
def generated_in_thread() -> Iterator[int]:
    yield 1


@w.setup
@contextmanager
def managed() -> Iterator[str]:
    yield ""


reveal_type(plain())  # type: dict[str, int]
reveal_type(generator())  # type: str
reveal_type(awaited())  # type: bytes
reveal_type(async_generator())  # type: float
reveal_type(in_thread())  # type: int
reveal_type(generated_in_thread())  # type: int
reveal_type(managed())  # type: str
plain.using({"tea": 1})
plain.using({"tea": "1"})  # error: Dict entry 0 has incompatible type
