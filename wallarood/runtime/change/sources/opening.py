"""Whether this worker can read on where another has read until now."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import trio

from wallarood.app.connector import SourceContext
from wallarood.model.errors import ApplicationError, WallaroodError
from wallarood.model.ids import ClusterId
from wallarood.planning.sources.journals import is_journalled
from wallarood.runtime.change.sources.reading import Position
from wallarood.runtime.change.takeover import Takeover
from wallarood.runtime.worker import Worker

OPEN_S = 30.0
"""How long a partition may take to be opened."""


async def open_gained(
    worker: Worker, takeover: Takeover, positions: Sequence[Position], *, cluster_id: ClusterId
) -> None:
    """Open what others have read, where they stand, and close it.

    Raises ApplicationError: one cannot be opened.
    """
    at = {(source, name): (position, ended) for source, name, position, ended in positions}
    for source, name in sorted(takeover.reading.gained()):
        if is_journalled(worker.application.step(source)):  # see `journals`
            continue
        position, ended = at.get((source, name), (None, False))
        if ended:
            continue
        context = SourceContext(
            step=source,
            worker=worker.member.name,
            cluster_id=cluster_id,
            directory=str(worker.store.cluster_path / "sources" / source.replace("/", "_")),
            limits=worker.settings.job.source,
            partitions=(name,),
            positions={name: position},
        )
        async with cannot(worker, context):
            await _open(worker, context, position)


async def _open(worker: Worker, context: SourceContext, position: Any) -> None:
    connector = worker.application.step(context.step).connector
    with trio.fail_after(OPEN_S):
        reader = await connector.open(context.partitions[0], position, context)
        await reader.aclose()


@contextlib.asynccontextmanager
async def cannot(worker: Worker, context: SourceContext) -> AsyncIterator[None]:
    """Raises ApplicationError: what is done in it raises something, as its partition is refused."""
    try:
        yield
    except WallaroodError as error:
        raise _cannot(worker, context, error.message) from error
    except Exception as error:  # of an application's own source: it may raise anything
        raise _cannot(worker, context, f"{type(error).__name__}: {error}") from error


def _cannot(worker: Worker, context: SourceContext, why: str) -> ApplicationError:
    (name,) = context.partitions
    return ApplicationError(
        f"{worker.member.name} cannot read {name} of source {context.step!r}: {why}"
    )
