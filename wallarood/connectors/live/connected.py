"""A connection to a server that sends when it likes: kept up, and made again when it is lost."""
# Theory of operation
# ===================
# It is made again here, with pauses that grow, as long as nobody reads: the pipeline may stand
# still, and what the server sends meanwhile would be missed. A reader that has read all that was
# kept is told that the server is away; whoever reads closes the source then, says whom it waits
# for, and opens it again after a pause.

import random
from collections.abc import Awaitable, Callable
from typing import Protocol

import trio

from wallarood.model.errors import ConfigurationError, ServerAwayError

AGAIN_S = 0.5
AGAIN_MAX_S = 10.0


class Kept(Protocol):
    """What is told how the server is; see `Intake`."""

    def lost(self, error: ServerAwayError) -> None:
        """It is away."""

    def found(self) -> None:
        """It is there."""


async def keep_connected(
    kept: Kept, converse: Callable[[Callable[[], None]], Awaitable[None]]
) -> None:
    """Call *converse* again and again; it calls its argument when it is connected.

    Raises ConfigurationError: the first connection was refused, which time does not mend.
    """
    worked, pause_s = False, AGAIN_S

    def is_there() -> None:
        nonlocal worked, pause_s
        worked, pause_s = True, AGAIN_S
        kept.found()

    while True:
        try:
            await converse(is_there)
        except ServerAwayError as error:
            kept.lost(error)
        except ConfigurationError as error:
            if not worked:
                raise
            kept.lost(ServerAwayError(error.message))
        await trio.sleep(pause_s * random.uniform(0.5, 1))
        pause_s = min(2 * pause_s, AGAIN_MAX_S)
