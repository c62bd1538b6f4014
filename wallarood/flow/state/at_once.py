"""State that is small enough to be captured as a whole, at once."""

from collections.abc import Iterable
from typing import Any, Protocol

import attrs

from wallarood.flow.stored.decode import DELETED, FIRST_VERSION, decode_states
from wallarood.flow.stored.encode import encode_states
from wallarood.flow.stored.versions import Versions
from wallarood.model.checkpoint import StatePart


class Encodable(Protocol):
    """What is small enough to be captured at once."""

    def encode(self) -> bytes:
        """The whole of it, for a checkpoint. Raises ApplicationError: it cannot be stored."""

    def decode(self, data: bytes) -> None:
        """Replace it by what `encode` has given. Raises ApplicationError: its class refuses."""


@attrs.define(eq=False)
class AtOnce:
    """The state of a step that is captured at once; see `wallarood.flow.state.state.State`."""

    computation: str
    of: Encodable
    _part: StatePart | None = attrs.field(default=None, init=False)
    _bytes: int = attrs.field(default=0, init=False)

    def capture(self, number: int, since: int) -> None:  # noqa: ARG002 - as KeyedState
        """Capture the state as it is now. Raises ApplicationError: it cannot be stored."""
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
        self._bytes = sum(map(len, part.chunks))
        return part

    def size(self) -> tuple[int, int]:
        """See `wallarood.flow.state.state.State.size`."""
        return 1, self._bytes

    def committed(self, number: int) -> None:
        """A checkpoint is known committed."""

    def restore(self, chunks: Iterable[bytes]) -> None:
        """Take what was captured. Raises ApplicationError: its class cannot take it."""
        for chunk in chunks:
            self.of.decode(chunk)


@attrs.define(eq=False)
class SharedObject:
    """One state object for all records of a computation, of class *kind*."""

    computation: str
    value: Any
    kind: type | None = None
    versions: Versions = FIRST_VERSION

    def encode(self) -> bytes:
        """See `Encodable.encode`."""
        version = self.versions.version
        (piece,) = encode_states(self.computation, [None], [self.value], version=version)
        return piece

    def decode(self, data: bytes) -> None:
        """See `Encodable.decode`."""
        decoded = decode_states(
            data, computation=self.computation, kind=self.kind, versions=self.versions
        )
        for _, states in decoded:
            if states is not DELETED:
                (self.value,) = states
