"""The gate that sources wait at while they must not read."""

import attrs
import trio


@attrs.define(eq=False)
class Gate:
    """Open while no holder keeps it closed. Each holder has a reason of its own."""

    _reasons: dict[str, str] = attrs.field(factory=lambda: {"start": "starting"})
    _open: trio.Event = attrs.field(factory=trio.Event, init=False)

    @property
    def is_open(self) -> bool:
        """Whether sources may read."""
        return not self._reasons

    @property
    def reason(self) -> str:
        """Why it is closed."""
        return "; ".join(self._reasons.values())

    def open(self, holder: str) -> None:
        """*holder* does not hold it closed any longer."""
        self._reasons.pop(holder, None)
        if not self._reasons:
            self._open.set()

    def close(self, holder: str, reason: str) -> None:
        """Hold sources before their next batch."""
        self._reasons[holder] = reason
        if self._open.is_set():
            self._open = trio.Event()

    async def wait_open(self) -> None:
        """Return when the gate is open."""
        while self._reasons:
            await self._open.wait()
