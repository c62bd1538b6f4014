"""Whether this worker can read on where another has read until now."""

from collections.abc import Sequence
from typing import Any

import trio

from wallarood.app.connector import SourceContext
from wallarood.model.errors import ApplicationError, WallaroodError
from wallarood.model.ids import ClusterId
from wallarood.runtime.change.takeover import Position, Takeover
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
    for source, name in sorted(takeover.gained_partitions()):
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
        try:
            await _open(worker, context, position)
        except WallaroodError as error:
            raise _cannot(worker, context, error.message) from error
        except Exception as error:  # of an application's own source: it may raise anything
            raise _cannot(worker, context, f"{type(error).__name__}: {error}") from error


async def _open(worker: Worker, context: SourceContext, position: Any) -> None:
    connector = worker.application.step(context.step).connector
    with trio.fail_after(OPEN_S):
        reader = await connector.open(context.partitions[0], position, context)
        await reader.aclose()


def _cannot(worker: Worker, context: SourceContext, why: str) -> ApplicationError:
    (name,) = context.partitions
    return ApplicationError(
        f"{worker.member.name} cannot read {name} of source {context.step!r}: {why}"
    )
