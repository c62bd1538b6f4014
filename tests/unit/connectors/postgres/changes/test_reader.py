"""A reader of changes: what it only shows holds up nothing."""

import socket

from wallarood.app.connector import SourceLimits
from wallarood.connectors.postgres.changes.catalog import Wanted
from wallarood.connectors.postgres.changes.place import Place
from wallarood.connectors.postgres.changes.reader import ChangeReader
from wallarood.connectors.postgres.server import Database


async def test_changes_are_read_where_no_connection_is_left_to_ask_for_the_end_of_the_log() -> None:
    with socket.socket() as refusing:  # nobody listens
        refusing.bind(("127.0.0.1", 0))
        database = Database(f"postgresql://127.0.0.1:{refusing.getsockname()[1]}/db")
        wanted = Wanted(database, (), "slot", "publication", is_read_first=False)
        reader = ChangeReader(wanted, Place("system", 1, 7), SourceLimits())
        reader._log_end = 9
        assert reader.lag_bytes == 2
        await reader._ask_for_end()
        assert reader.lag_bytes is None
        await reader.aclose()
