"""Records that do not go as typed msgpack: whether they may, and how many did not."""

from enum import Enum
from typing import Any

import attrs

from wallarood.model.errors import ApplicationError
from wallarood.wire.exact import Check


class PickleRule(Enum):
    """Whether records without a type may be pickled: only where every peer is trusted."""

    ALLOWED = "allowed"
    FORBIDDEN = "forbidden"


class RecordCodecError(ApplicationError):
    """A record cannot be sent, or what has arrived cannot be made a record again; `why` in short.

    `first` is the place of the first record that was not sent.
    """

    def __init__(self, message: str, why: str = "", first: int = 0) -> None:
        super().__init__(message)
        self.why = why
        self.first = first


@attrs.define
class Untyped:
    """Counts the records that did not go as typed msgpack.

    `examples` has the first that is not of its hinted type, if there is one.
    """

    records: int = 0
    examples: list[Any] = attrs.field(factory=list)
    said: bool = False

    def note(self, values: list[Any], check: Check) -> None:
        """*values* hold one that is not what the hint says."""
        if not self.examples:
            self.examples.append(next((each for each in values if not check([each])), values[0]))
