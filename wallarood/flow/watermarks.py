"""Watermarks: how far event time has come at an operator."""

from collections.abc import Iterable

import attrs

from wallarood.flow.state.at_once import AtOnce
from wallarood.model.batch import Watermark
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

    Its alignment continues from there: an input that was idle counts again after a restart, and its
    watermark may be lower.
    """
    clocks = [each.of for each in states if isinstance(each, AtOnce)]
    times = [each.time for each in clocks if isinstance(each, Clock)]
    return Watermark(max(times, default=MIN_TIME))
