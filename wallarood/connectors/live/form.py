"""What a source that is sent to makes of what it gets: a value, or something unreadable."""

from typing import Any

import attrs

from wallarood.app.connector import Unreadable
from wallarood.connectors.codecs.codec import Decode
from wallarood.connectors.values import DECODE_ERRORS
from wallarood.model.errors import ApplicationError


@attrs.frozen
class ValueForm:
    """How values are read. Without `decode` they are the bytes. `place` is where they come from."""

    decode: Decode | None
    place: str

    def value(self, raw: bytes) -> Any:
        """The value, or an `Unreadable`."""
        if self.decode is None:
            return raw
        try:
            return self.decode(raw)
        except DECODE_ERRORS as error:
            return Unreadable(str(error), raw, self.place)


def stopped_by(found: Unreadable) -> ApplicationError:
    """The error of a source that stops where something is unreadable."""
    return ApplicationError(
        f"{found.place} has sent what cannot be read: {found.error}\n"
        f"  payload: {found.raw!r:.200}\nCorrect format= and record=, or say on_error="
    )
