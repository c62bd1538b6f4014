"""Watermarks: how far event time has come at an operator, and what is captured at once."""

from collections.abc import Iterable
from typing import Protocol

import attrs

from wallarood.model.batch import Watermark
from wallarood.model.checkpoint import StatePart
from wallarood.model.time import MIN_TIME


@attrs.define(eq=False)
class Clock:
    """The watermark of one operator. It is in the checkpoint: what has fired must not open again.

    The engine sets `time` when the operator has been told of it; the operator reads it.
    """

    time: int = MIN_TIME

    def encode(self) -> bytes:
        """The watermark, for a checkpoint."""
        return self.time.to_bytes(8, "big", signed=True)

    def decode(self, data: bytes) -> None:
        """Take the captured watermark."""
        self.time = int.from_bytes(data, "big", signed=True)


def restored_watermark(states: Iterable[object]) -> Watermark:
    """How far time had come at the instance whose *states* were restored.

    Its alignment goes on from there: an input that was idle counts again after a restart, and its
    watermark may be lower.
    """
    clocks = [each.of for each in states if isinstance(each, AtOnce)]
    times = [each.time for each in clocks if isinstance(each, Clock)]
    return Watermark(max(times, default=MIN_TIME))


class Encodable(Protocol):
    """What is small enough to be captured at once."""

    def encode(self) -> bytes:
        """The whole of it, for a checkpoint."""

    def decode(self, data: bytes) -> None:
        """Replace it by what `encode` has given."""


@attrs.define(eq=False)
class AtOnce:
    """The state of a step that is captured at once; see `wallarood.flow.state.State`."""

    computation: str
    of: Encodable
    _part: StatePart | None = attrs.field(default=None, init=False)

    def capture(self, number: int, since: int) -> None:  # noqa: ARG002 - as KeyedState
        """Capture the state as it is now."""
        self._part = StatePart(self.computation, True, since, (self.of.encode(),), 1)

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
        """Take what was captured."""
        for chunk in chunks:
            self.of.decode(chunk)
