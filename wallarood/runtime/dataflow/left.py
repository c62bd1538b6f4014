"""Journals that other workers have left, and that have been read to their end: they are removed."""

import shutil
from collections.abc import Iterable
from pathlib import Path

import structlog
import trio

from wallarood.app.connector import Source, SourceContext

log = structlog.get_logger(__name__)


async def forget_left(source: Source, context: SourceContext, ended: Iterable[str]) -> None:
    """Remove what *source* has of the *ended* partitions, as a committed checkpoint has them."""
    for name in set(ended) & set(context.left):
        where = Path(context.directory) / source.journal(name)  # type: ignore[attr-defined]
        await trio.to_thread.run_sync(_remove, where)


def _remove(where: Path) -> None:
    if not where.exists():
        return
    try:
        shutil.rmtree(where)
    except OSError as error:  # it is tried again at the next checkpoint
        log.warning(
            "a journal that was read cannot be removed", where=str(where), reason=str(error)
        )
