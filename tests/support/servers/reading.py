"""Readers of sources that are read on while a test waits for something else."""

from collections.abc import Callable
from typing import Any

import trio

import wallarood as w
from support.patience import patiently


async def read_until(reader: w.SourceReader[Any], so: Callable[[], object]) -> None:
    """Read on until something is so; what comes meanwhile is dropped.

    One read is not ended for the next: on a slow machine none would come to anything.
    """

    async def read() -> None:
        while await reader.read() is not None:
            pass

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        with patiently():
            while not so():  # noqa: ASYNC110 - servers and readers tell nobody
                await trio.sleep(0.05)
        nursery.cancel_scope.cancel()
