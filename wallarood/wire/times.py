"""Stamps between workers: their number in 4 bytes, then each in 8, little-endian."""

import sys
from array import array

from wallarood.model.errors import RemoteProtocolError

_COUNT_BYTES = 4
_TIME_BYTES = 8


def encode_times(times: list[int]) -> bytes:
    """*times* as bytes."""
    column = array("q", times)
    if sys.byteorder == "big":
        column.byteswap()
    return len(times).to_bytes(_COUNT_BYTES, "little") + column.tobytes()


def decode_times(data: memoryview) -> tuple[list[int], memoryview]:
    """The stamps that *data* begins with, and what follows.

    Raises RemoteProtocolError: it is malformed.
    """
    count = int.from_bytes(data[:_COUNT_BYTES], "little")
    end = _COUNT_BYTES + count * _TIME_BYTES
    if len(data) < end:
        raise RemoteProtocolError(f"malformed records: {count} stamps in {len(data)} bytes")
    column = array("q")
    column.frombytes(data[_COUNT_BYTES:end])
    if sys.byteorder == "big":
        column.byteswap()
    return column.tolist(), data[end:]
