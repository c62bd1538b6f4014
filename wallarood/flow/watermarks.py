"""Watermarks: how far event time has come at an operator."""

from collections.abc import Iterable
from struct import Struct
from typing import Final

import attrs

from wallarood.flow.state.at_once import AtOnce
from wallarood.model.batch import Watermark
from wallarood.model.errors import DamagedStateError
from wallarood.model.time import MAX_TIME, MIN_TIME

_TIMES: Final = Struct(">qq")
_FORMAT: Final = 1
"""The first byte of a captured watermark; those of before it had a number have the times alone."""


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
    _ended: bool = attrs.field(default=False, init=False)
    """Whether the end of time has come in this life."""

    @property
    def bound(self) -> int:
        """What was over before this time is not kept any longer."""
        return self._gone if self.time == MIN_TIME else max(self._gone, self.time - self.grace)

    def is_news(self, time: int) -> bool:
        """Whether the operator is to be told of *time*.

        Of the end it is told once in each life: where time had ended before a restart, it may have
        taken more by now, and nothing of it has its turn before the end.
        """
        return time > self.time or (time == MAX_TIME and not self._ended)

    def told(self, time: int) -> None:
        """The operator has been told of *time*."""
        self.time, self._ended = time, time == MAX_TIME

    def encode(self) -> bytes:
        """The watermark, and what is not kept any longer, for a checkpoint."""
        return bytes([_FORMAT]) + _TIMES.pack(self.time, self.bound)

    def decode(self, data: bytes) -> None:
        """Take the captured watermark.

        Raises DamagedStateError: it is in a format that this version does not know.
        """
        times = data if len(data) == _TIMES.size else data[1:]
        if len(times) != _TIMES.size or (times is not data and data[0] != _FORMAT):
            raise DamagedStateError(
                f"a captured watermark has format {data[:1].hex()} and {len(data)} bytes, this "
                f"version reads format {_FORMAT:02x}: install the version that wrote it, or a "
                "newer one"
            )
        self.time, self._gone = _TIMES.unpack(times)


def restored_watermark(states: Iterable[object]) -> Watermark:
    """How far time had come at the instance whose *states* were restored.

    Its alignment continues from there: an input that was idle counts again after a restart, and its
    watermark may be lower. Where time had ended it starts again: what has more by now has an end of
    its own. Operators know by their clocks what had ended before.
    """
    clocks = [each.of for each in states if isinstance(each, AtOnce)]
    times = [each.time for each in clocks if isinstance(each, Clock)]
    time = max(times, default=MIN_TIME)
    return Watermark(MIN_TIME if time == MAX_TIME else time)
