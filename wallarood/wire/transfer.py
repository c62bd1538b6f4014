"""The messages of data connections that carry parts; see `wallarood.model.messages.replicas`.

The first byte is the kind, above those of `wallarood.wire.peer`. Pieces are packed big-endian:

==========  =====================================================================
piece       length of the computation's name u16, number i64, sequence u32,
            whether it is the last of its chunk u8, the name, the bytes
file piece  length of the file's path u16, offset u64, the path, the bytes
==========  =====================================================================

All others are JSON after it.
"""

import struct

import msgspec

from wallarood.model.errors import RemoteProtocolError
from wallarood.model.messages.replicas import (
    Credit,
    FileGone,
    FilePiece,
    FilesHeld,
    FilesSent,
    FilesWanted,
    Has,
    Held,
    KeptAsked,
    KeptSince,
    PartEnd,
    PartHead,
    PartPiece,
    PartRefused,
    PartWanted,
    ReplicaHello,
    StillThere,
    TransferHello,
    TransferMessage,
)

_PIECE, _FILE_PIECE = 16, 27
_piece = struct.Struct(">BHqI?")
_file_piece = struct.Struct(">BHQ")

_KINDS: dict[type, int] = {
    TransferHello: 17,
    ReplicaHello: 18,
    PartWanted: 19,
    PartHead: 20,
    PartEnd: 21,
    PartRefused: 22,
    Credit: 23,
    Has: 24,
    Held: 25,
    StillThere: 26,
    FileGone: 28,
    FilesSent: 29,
    FilesHeld: 30,
    FilesWanted: 31,
    KeptAsked: 32,
    KeptSince: 33,
}
_decoders: dict[int, msgspec.json.Decoder[TransferMessage]] = {
    number: msgspec.json.Decoder(kind) for kind, number in _KINDS.items()
}
OPENING = (_KINDS[TransferHello], _KINDS[ReplicaHello])


def opens_transfer(data: bytes) -> bool:
    """Whether the first message of a data connection says that it will carry parts."""
    return data[:1] in (bytes([kind]) for kind in OPENING)


def encode_transfer(message: TransferMessage) -> bytes:
    """The bytes of *message*."""
    if isinstance(message, PartPiece):
        name = message.computation.encode()
        head = _piece.pack(_PIECE, len(name), message.number, message.sequence, message.last)
        return head + name + message.data
    if isinstance(message, FilePiece):
        path = message.path.encode()
        return _file_piece.pack(_FILE_PIECE, len(path), message.offset) + path + message.data
    return bytes([_KINDS[type(message)]]) + msgspec.json.encode(message)


def decode_transfer(data: bytes) -> TransferMessage:
    """The message in *data*. Raises RemoteProtocolError: it is malformed."""
    kind = data[0] if data else None
    try:
        if kind == _PIECE:
            _, length, number, sequence, last = _piece.unpack_from(data)
            end = _piece.size + length
            name = data[_piece.size : end]
            if len(name) < length:
                raise RemoteProtocolError("a piece of a part is cut off in its name")
            return PartPiece(name.decode(), number, sequence, last, data[end:])
        if kind == _FILE_PIECE:
            _, length, offset = _file_piece.unpack_from(data)
            end = _file_piece.size + length
            path = data[_file_piece.size : end]
            if len(path) < length:
                raise RemoteProtocolError("a piece of a file is cut off in its path")
            return FilePiece(path.decode(), offset, data[end:])
        if kind in _decoders:
            return _decoders[kind].decode(data[1:])
    except (struct.error, msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RemoteProtocolError(f"malformed message of a transfer: {error}") from error
    raise RemoteProtocolError(f"unknown kind {kind} of message in a transfer")
