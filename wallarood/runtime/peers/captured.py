"""What an owner knows without reading its disk: a part just captured, and what its holder has."""

from collections import deque
from collections.abc import Collection

import attrs
import msgspec

from wallarood.model.change import PartName
from wallarood.model.messages.replicas import Chunk, ChunkGroup, PartHead
from wallarood.runtime.peers.parts import Chunks

PARTS_KNOWN = 32
"""As many as a holder keeps above the last that is known committed."""
CAPTURED_BYTES_MAX = 16 << 20
"""A larger part is read from the disk when it is sent, so that memory is free when it is there."""


@attrs.define
class Sent:
    """How much of a part has been sent: for status."""

    part: PartName
    size_bytes: int = 0
    sent_bytes: int = 0


@attrs.define
class Known:
    """What the holder has, as far as is known on a connection.

    It keeps a few parts. What only older ones consist of is forgotten: the next builds on none.
    """

    groups: set[ChunkGroup] = attrs.field(factory=set)
    _oldest: deque[int] = attrs.field(factory=lambda: deque(maxlen=PARTS_KNOWN), init=False)
    """From which checkpoint on the last parts have chunks."""

    def add(self, head: PartHead) -> None:
        """A part has come there."""
        links = [link for chain in head.manifest["chains"] for link in chain["links"]]
        self._oldest.append(min((number for number, _ in links), default=head.part.number))
        oldest = min(self._oldest)
        self.groups = {each for each in self.groups if each.number >= oldest} | {*head.groups}


@attrs.frozen
class Captured:
    """A part as its head says it, with the chunks that were captured for it."""

    head: PartHead
    chunks: tuple[Chunk, ...]

    def without(
        self, part: PartName, there: Collection[ChunkGroup]
    ) -> tuple[PartHead, Chunks] | None:
        """What is not *there* of *part*; None: it is another one, or older chunks are missing."""
        missing = tuple(group for group in self.head.groups if group not in there)
        if part != self.head.part or any(group.number != part.number for group in missing):
            return None
        names = {group.computation for group in missing}
        chunks = [chunk for chunk in self.chunks if chunk.computation in names]
        head = msgspec.structs.replace(self.head, chunks=len(chunks), groups=missing)
        return head, iter([chunks])
