"""What happens to a worker, as the machines of this package see it.

A message arrives as `Received`; the tables of the machines name the message's own class.
"""

from typing import TypeAlias

import attrs

from wallarood.model.ids import WorkerName
from wallarood.model.messages import ControlMessage


@attrs.frozen
class ConnectionOpened:
    """A control connection that we dialled is open. `peer` is whom we sought.

    The initializer of a new cluster has no name yet: `peer` is empty.
    """

    connection: int
    peer: WorkerName


@attrs.frozen
class ConnectionLost:
    """A control connection is closed."""

    connection: int


@attrs.frozen
class Received:
    """A message has come in."""

    connection: int
    message: ControlMessage


@attrs.frozen
class TimerFired:
    """The deadline that a machine asked for has come."""


@attrs.frozen
class LinksUp:
    """Control and data channels to every other member are open, in both directions."""


@attrs.frozen
class JobDrained:
    """All instances here have seen the end of their inputs, and the sinks have prepared."""


@attrs.frozen
class SinksPublished:
    """All sinks here have published."""


Event: TypeAlias = (
    ConnectionOpened
    | ConnectionLost
    | Received
    | TimerFired
    | LinksUp
    | JobDrained
    | SinksPublished
)


def kind_of(event: object) -> type:
    """The class by which the tables know *event*: a message's own for `Received`."""
    return type(event.message) if isinstance(event, Received) else type(event)
