"""Whether a source that listens can go on on this worker where another has listened."""

from typing import Any

from wallarood.app.connector import SourceContext
from wallarood.connectors.journal.left import check_journal_at
from wallarood.connectors.listening import check_listening
from wallarood.model.ids import Address


async def check_moved(
    address: Address, partition: str, position: Any, *, context: SourceContext
) -> None:
    """See `Journalled.check_moved`, of a source that listens on *address*."""
    await check_journal_at(partition, position, context)
    if partition not in context.left:
        await check_listening(address, context.step)
