"""Sources that journal what comes, opened and read by a test."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from support.patience import patiently
from wallarood.app.connector import SourceContext, SourceLimits
from wallarood.connectors.journal.intake import Intake


@contextlib.asynccontextmanager
async def opened(
    source: Any, directory: Path, position: Any = None, *, partition: str = "", **limits: int
) -> AsyncIterator[Intake]:
    """A partition (default: the first) of a source whose journal is below *directory*."""
    context = SourceContext("in", directory=str(directory), limits=SourceLimits(**limits))
    reader = await source.open(partition or source.partitions()[0], position, context)
    try:
        yield reader
    finally:
        await reader.aclose()


async def read_on(reader: Intake) -> None:
    """Read until something is wrong."""
    while True:
        await reader.read()


async def read(reader: Intake, count: int) -> tuple[list[Any], Any]:
    """So many records, and the position after them."""
    found: list[Any] = []
    position = None
    with patiently(20):
        while len(found) < count:
            batch = await reader.read()
            found += batch.records
            position = batch.position
    return found, position
