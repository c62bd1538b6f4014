"""Watermarks: how far event time has come at an operator."""

from collections.abc import Iterable
from struct import Struct
from typing import Final

import attrs

from wallarood.flow.state.at_once import AtOnce
from wallarood.model.batch import Watermark
from wallarood.model.time import MIN_TIME

_TIMES: Final = Struct(">qq")


@attrs.define(eq=False)
class Clock:
    """The watermark of one operator. It is in the checkpoint: what has fired must not open again.

    The engine sets `time` when the operator has been told of it; the operator reads it. It says by
    `grace` for how long it keeps what time has passed. What an earlier life with a shorter one has
    let go of is not taken again: results that have been said would be replaced by parts of them.
    """

    time: int = MIN_TIME
    grace: int = 0
    _gone: int = MIN_TIME
    """What an earlier life had let go of."""

    @property
    def bound(self) -> int:
        """What was over before this time is not kept any longer."""
        return self._gone if self.time == MIN_TIME else max(self._gone, self.time - self.grace)

    def encode(self) -> bytes:
        """The watermark, and what is not kept any longer, for a checkpoint."""
        return _TIMES.pack(self.time, self.bound)

    def decode(self, data: bytes) -> None:
        """Take the captured watermark."""
        self.time, self._gone = _TIMES.unpack(data)


def restored_watermark(states: Iterable[object]) -> Watermark:
    """How far time had come at the instance whose *states* were restored.

    Its alignment continues from there: an input that was idle counts again after a restart, and its
    watermark may be lower.
    """
    clocks = [each.of for each in states if isinstance(each, AtOnce)]
    times = [each.time for each in clocks if isinstance(each, Clock)]
    return Watermark(max(times, default=MIN_TIME))
