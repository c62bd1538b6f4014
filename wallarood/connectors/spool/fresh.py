"""What was written to a spool lately, also kept in memory: it need not be read back from disk."""
# Theory of operation
# ===================
# Most of what a checkpoint makes durable is applied right after it was committed, by the process
# that has written it. The disk is for a crash in between, and for a server that is away: only then
# there is more than is kept here, and it is read from the files. A file is here as a whole, or not.

import attrs

from wallarood.connectors.spool.blocks import Block

BYTES_MAX = 64 << 20
"""Of all files that are here, by what their records may take in memory."""


def memory_of(block: Block) -> int:
    """About what the records of a block take in memory, rather too much."""
    _, size_bytes, records = block
    return 6 * size_bytes + 100 * len(records)


@attrs.define(eq=False)
class Fresh:
    """The blocks of the files that were written last, up to *bytes_max*."""

    bytes_max: int = BYTES_MAX
    _begun: list[Block] | None = attrs.field(factory=list, init=False)
    """Those since the last `prepared`; None: they are not all here."""
    _files: dict[str, list[Block]] = attrs.field(factory=dict, init=False)
    _size_bytes: int = attrs.field(default=0, init=False)

    def add(self, block: Block) -> None:
        """Keep a block of the file that was begun, if there is room."""
        if self._begun is None:
            return
        if self._size_bytes + memory_of(block) > self.bytes_max:
            self.skip()
            return
        self._begun.append(block)
        self._size_bytes += memory_of(block)

    def skip(self) -> None:
        """A block of the file that was begun is not kept, so that no other one is."""
        self._size_bytes -= sum(map(memory_of, self._begun or ()))
        self._begun = None

    def prepared(self, file: str) -> None:
        """The file that was begun is whole, and called so; another one begins."""
        if self._begun:
            self._files[file] = self._begun
        self._begun = []

    def of(self, file: str) -> list[Block] | None:
        """What a file has; None if it is not here."""
        return self._files.get(file)

    def forget(self, file: str) -> None:
        """The file is not needed any more."""
        self._size_bytes -= sum(map(memory_of, self._files.pop(file, ())))
