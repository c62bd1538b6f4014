"""The columns of a table, and how the texts of a row become values."""

from collections.abc import Sequence
from typing import Any
from zlib import crc32

import attrs

from wallarood.connectors.postgres.changes.oids import Decode, decoder_of, name_of

Column = tuple[str, int, int]
"""Its name, the OID of its type, and the modifier of that."""


@attrs.frozen
class Columns:
    """The columns of a table, in order."""

    all: tuple[Column, ...]
    names: tuple[str, ...] = attrs.field(init=False)
    decoders: tuple[Decode, ...] = attrs.field(init=False, eq=False)
    sign: str = attrs.field(init=False)
    """What tells them from other columns, in short."""

    @names.default
    def _names(self) -> tuple[str, ...]:
        return tuple(name for name, _, _ in self.all)

    @decoders.default
    def _decoders(self) -> tuple[Decode, ...]:
        return tuple(decoder_of(oid) for _, oid, _ in self.all)

    @sign.default
    def _sign(self) -> str:
        return f"{crc32(repr(self.all).encode()):08x}"

    @property
    def types(self) -> dict[str, str]:
        """The name of the type of each."""
        return {name: name_of(oid) for name, oid, _ in self.all}

    def by_name(self, texts: Sequence[bytes | None]) -> dict[str, Any]:
        """The values of a row by the names of their columns."""
        triples = zip(self.names, self.decoders, texts, strict=True)
        return {name: None if text is None else decode(text) for name, decode, text in triples}
