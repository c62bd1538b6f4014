"""What another worker has for this one is fetched, and asked for again while it does not answer."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
import trio

from wallarood.model.errors import PeersGoneError, RemoteProtocolError
from wallarood.model.ids import WorkerName

FETCH_S = 60.0
AGAIN_S = 0.5
NOT_REACHED = (OSError, trio.TooSlowError, trio.BrokenResourceError, RemoteProtocolError)

T = TypeVar("T")

log = structlog.get_logger(__name__)


async def fetched_again(keeper: WorkerName, fetch: Callable[[], Awaitable[T]]) -> T:
    """Fetch until it is there. Raises PeersGoneError: it does not come for long."""
    until = trio.current_time() + FETCH_S
    while True:
        try:
            return await fetch()
        except NOT_REACHED as error:
            reason = str(error) or type(error).__name__
            if trio.current_time() > until:
                raise PeersGoneError(f"{keeper} does not hand over its copy: {reason}") from error
            log.debug("a copy is not handed over yet", peer=keeper, reason=reason)
            await trio.sleep(AGAIN_S)
