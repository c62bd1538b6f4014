"""The gate that sources wait at while the cluster is not whole."""

import attrs
import trio


@attrs.define(eq=False)
class Gate:
    """Open or closed; `reason` says why it is closed."""

    reason: str = "starting"
    _open: trio.Event = attrs.field(factory=trio.Event, init=False)

    @property
    def is_open(self) -> bool:
        """Whether sources may go on."""
        return self._open.is_set()

    def open(self) -> None:
        """Let sources go on."""
        self.reason = ""
        self._open.set()

    def close(self, reason: str) -> None:
        """Hold sources before their next batch."""
        self.reason = reason
        if self._open.is_set():
            self._open = trio.Event()

    async def wait_open(self) -> None:
        """Return when the gate is open."""
        while not self._open.is_set():
            await self._open.wait()
