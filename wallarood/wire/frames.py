"""Length-prefixed frames on a byte stream.

A frame is the length of its payload (4 bytes, big-endian), the xxh3_64 of the payload (8 bytes,
big-endian), and the payload. The length is checked before any memory is taken for it.
"""

import struct

from xxhash import xxh3_64_intdigest

from wallarood.model.errors import RemoteProtocolError

_HEAD = struct.Struct(">IQ")
HEAD_BYTES = _HEAD.size


def encode_frame(payload: bytes) -> bytes:
    """The frame of *payload*."""
    return _HEAD.pack(len(payload), xxh3_64_intdigest(payload)) + payload


class FrameDecoder:
    """Takes bytes as they come, gives whole payloads of at most *frame_bytes_max* bytes."""

    def __init__(self, frame_bytes_max: int) -> None:
        self._frame_bytes_max = frame_bytes_max
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Add *data*; return the payloads that are complete now.

        Raises RemoteProtocolError: a length is over the limit or a checksum is wrong.
        """
        self._buffer += data
        payloads = []
        start = 0
        while len(self._buffer) - start >= HEAD_BYTES:
            length, checksum = _HEAD.unpack_from(self._buffer, start)
            if length > self._frame_bytes_max:
                raise RemoteProtocolError(
                    f"a frame of {length:,} bytes: at most {self._frame_bytes_max:,} are allowed"
                )
            end = start + HEAD_BYTES + length
            if len(self._buffer) < end:
                break
            payload = bytes(memoryview(self._buffer)[start + HEAD_BYTES : end])
            if xxh3_64_intdigest(payload) != checksum:
                raise RemoteProtocolError(f"a frame of {length:,} bytes has a wrong checksum")
            payloads.append(payload)
            start = end
        if start:
            del self._buffer[:start]
        return payloads
