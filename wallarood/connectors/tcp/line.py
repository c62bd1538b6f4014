"""How an exactly-once TCP sink calls itself in a line; see `wallarood.connectors.spool.place`.

In another line the sink has another name for its receiver, and says in its hello after which record
of which line it goes on, so that the receiver can drop what it had after that record.
"""


def in_line(client: str, line: int) -> str:
    """The name of *client* in a line."""
    return f"{client}-line-{line}" if line else client
