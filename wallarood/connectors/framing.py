"""The protocol of framed TCP sources and sinks; see wallarood-protocol(7).

A frame is a length (4 bytes, big-endian) and so many bytes. The client begins with a hello, which
names it; the server answers with the next sequence number that it expects. Then the client sends
records, each a sequence number (8 bytes, big-endian) and a payload; the server says up to which
number it has made them durable. What the server says, and the hello, is JSON.
"""

import struct
from typing import Any, BinaryIO

import msgspec

VERSION = 1
CLIENT_CHARACTERS_MAX = 512
_LENGTH = struct.Struct(">I")
_RECORD = struct.Struct(">IQ")
_SEQUENCE = struct.Struct(">Q")


class Hello(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a client says first. `wallarood` is the version of the protocol.

    The others are said by a sink that continues in another line: its name in line 0, its line, and
    after which record of which line it continues.
    """

    wallarood: int
    client: str
    sink: str = ""
    line: int = 0
    after_line: int = 0
    after: int = 0


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a server says: `next` once, then `ack` again and again; or `error`, and it closes."""

    next: int | None = None
    ack: int | None = None
    error: str | None = None


hello_decoder = msgspec.json.Decoder(Hello)
answer_decoder = msgspec.json.Decoder(Answer)


def frame(message: Any) -> bytes:
    """A hello or an answer as a frame."""
    data = msgspec.json.encode(message)
    return _LENGTH.pack(len(data)) + data


def record_frame(sequence: int, payload: bytes) -> bytes:
    """A record as a frame."""
    return _RECORD.pack(_SEQUENCE.size + len(payload), sequence) + payload


def sequence_of(data: bytes) -> int:
    """The sequence number of a record's frame, without its length. Raises ValueError: too short."""
    if len(data) < _SEQUENCE.size:
        raise ValueError(f"a record of {len(data)} bytes: expected a sequence number of 8 bytes")
    (sequence,) = _SEQUENCE.unpack_from(data)
    return int(sequence)


def payload_of(data: bytes) -> bytes:
    """The payload of a record's frame, without its length."""
    return data[_SEQUENCE.size :]


def skip_frames(file: BinaryIO, sequence: int) -> None:
    """Seek past the record *sequence* in a file of records' frames, which begins with a frame."""
    start = file.tell()
    while len(head := file.read(_RECORD.size)) == _RECORD.size:
        size, found = _RECORD.unpack(head)
        if found > sequence:
            break
        start += _LENGTH.size + size
        file.seek(start)
    file.seek(start)


def take_frames(buffer: bytearray, bytes_max: int) -> list[bytes]:
    """Take all whole frames off the front of *buffer*, without their lengths.

    Raises ValueError: one is longer than *bytes_max*.
    """
    frames = []
    start = 0
    while len(buffer) - start >= _LENGTH.size:
        (size,) = _LENGTH.unpack_from(buffer, start)
        if size > bytes_max:
            raise ValueError(f"a frame of {size:,} bytes, at most {bytes_max:,}")
        end = start + _LENGTH.size + size
        if len(buffer) < end:
            break
        frames.append(bytes(buffer[start + _LENGTH.size : end]))
        start = end
    del buffer[:start]
    return frames
