"""What a step keeps, as the checkpoint sees it."""

from collections.abc import Iterable
from typing import Protocol

from wallarood.model.checkpoint import StatePart


class State(Protocol):
    """What a step keeps, as the checkpoint sees it; see `KeyedState` for what the methods do."""

    computation: str

    def capture(self, number: int, since: int) -> None:
        """Begin checkpoint *number*, with what has changed since checkpoint *since*."""

    @property
    def capturing(self) -> bool:
        """Whether a capture is not finished yet."""

    @property
    def encoded(self) -> int:
        """How many bytes of it are encoded."""

    def size(self) -> tuple[int, int]:
        """How many keys it has, and about how many bytes they take in a checkpoint.

        The bytes are estimated from the last capture; 0 before the first.
        """

    def encode_some(self) -> None:
        """Encode a part of it, for some milliseconds at most."""

    def finish(self) -> StatePart:
        """Encode the rest and return all of it."""

    def committed(self, number: int) -> None:
        """Forget what only checkpoints before *number* need."""

    def restore(self, chunks: Iterable[bytes]) -> None:
        """Replace the state by the one in *chunks*."""
