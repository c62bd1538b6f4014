"""A row of CSV in a message, without a header: its fields in order."""

import csv
from typing import Any

import msgspec

from wallarood.connectors.codecs.codec import Decode, Encode, NotReadableError
from wallarood.connectors.text import encoder, payloads
from wallarood.connectors.text.encode import LineOptions
from wallarood.connectors.text.fields import names_of
from wallarood.model.errors import ApplicationError


def names_for(owner: str, record: Any) -> tuple[str, ...] | None:
    """The fields of *record* in order; None: rows are tuples of text.

    Raises ApplicationError: it is no class with fields.
    """
    if record is None:
        return None
    names = names_of(record) if isinstance(record, type) else None
    if not names:
        raise ApplicationError(
            f'{owner}: record={record!r:.100}: expected a class with fields for format="csv"'
        )
    return names


def row_decoder(record: Any) -> Decode:
    """What makes a record of a row; its fields are turned into the types of *record*."""
    names = None if record == tuple[str, ...] else names_of(record)
    is_tuple = isinstance(record, type) and issubclass(record, tuple)

    def decode(raw: bytes) -> Any:
        try:
            rows = list(csv.reader([raw.decode("utf-8")], strict=True))
        except csv.Error as error:
            raise NotReadableError(f"it is no row of CSV: {error}") from error
        if len(rows) != 1:
            raise NotReadableError(f"expected one row of CSV, found {len(rows)}")
        (row,) = rows
        if names is None:
            return tuple(row)
        if len(row) != len(names):
            raise NotReadableError(
                f"it has {len(row)} fields, expected {len(names)}: {', '.join(names)}"
            )
        value: Any = tuple(row) if is_tuple else dict(zip(names, row, strict=True))
        return msgspec.convert(value, record, strict=False)

    return decode


def row_encoder(sink: str) -> Encode:
    """What makes rows of records."""
    encode = encoder("csv", LineOptions(header=False), sink=sink)
    return lambda values: payloads(encode, "csv", values)
