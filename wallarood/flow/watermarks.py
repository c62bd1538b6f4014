"""Watermarks: how far event time has come, at an operator and at a source."""

from collections.abc import Iterable

import attrs

from wallarood.model.checkpoint import StatePart
from wallarood.model.time import MIN_TIME


@attrs.define(eq=False)
class Clock:
    """The watermark of one operator. It is in the checkpoint: what has fired must not open again.

    The engine sets `time` when the operator has been told of it; the operator reads it.
    """

    computation: str
    time: int = MIN_TIME
    _part: StatePart | None = attrs.field(default=None, init=False)

    def capture(self, number: int, since: int) -> None:  # noqa: ARG002 - as KeyedState
        """Capture the watermark as it is now."""
        chunk = self.time.to_bytes(8, "big", signed=True)
        self._part = StatePart(self.computation, True, since, (chunk,), 1)

    @property
    def capturing(self) -> bool:
        """There is never anything left to encode."""
        return False

    @property
    def encoded(self) -> int:
        """It is encoded when it is captured."""
        return 0

    def encode_some(self) -> None:
        """There is never anything left to encode."""

    def finish(self) -> StatePart:
        """The capture, whole."""
        part, self._part = self._part, None
        assert part is not None
        return part

    def committed(self, number: int) -> None:
        """A checkpoint is known committed."""

    def restore(self, chunks: Iterable[bytes]) -> None:
        """Take the captured watermark."""
        for chunk in chunks:
            self.time = int.from_bytes(chunk, "big", signed=True)
