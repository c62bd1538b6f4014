"""The messages of a data channel: what stands in its frames.

The first byte is the kind. Hello and refusal are JSON after it; the others are packed big-endian:

==========  =====================================================================
data        edge u32, sequence u64, round u32, records u32, encoded columns
mark        edge u32, sequence u64, round u32, kind u8, then for a barrier its
            round u32 and number u64, for a watermark its time i64 and
            whether the sender is idle u8; the others are an end, and that
            an endless input has been read as far as it went
grant       edge u32, sequence u64: this and all before it are taken
alive       nothing: the connection carries bytes to this end
traced      what the batch is traced as part of, 24 bytes, and a whole data
            message: sent only to a peer whose hello says that it knows it
==========  =====================================================================
"""

import struct
from typing import TypeAlias

import attrs
import msgspec

from wallarood.model.batch import Barrier, EndOfStream, Loaded, Mark, Watermark
from wallarood.model.errors import RemoteProtocolError
from wallarood.model.ids import ClusterId, Incarnation, WorkerName

_HELLO, _REFUSED, _DATA, _MARK, _GRANT, _ALIVE, _TRACED = 1, 2, 3, 4, 5, 6, 7
_BARRIER, _WATERMARK, _END, _LOADED = 1, 2, 3, 4

_data = struct.Struct(">BIQII")
_mark = struct.Struct(">BIQIB")
_grant = struct.Struct(">BIQ")
_barrier = struct.Struct(">IQ")
_watermark = struct.Struct(">q?")
TRACE_BYTES = 24
"""The number of a trace, and that of the part of it which what follows belongs to."""


@attrs.frozen
class LinkHello:
    """The first message in both directions. `received` says for each edge what has arrived.

    `traces` is whether this worker knows batches that are traced.
    """

    cluster_id: ClusterId
    worker: WorkerName
    incarnation: Incarnation
    round: int
    received: tuple[tuple[int, int], ...] = ()
    traces: bool = False


@attrs.frozen
class LinkRefused:
    """In the place of a hello: the connection cannot be used."""

    reason: str


@attrs.frozen
class Data:
    """A batch of *records* records, encoded in *payload* by the codec of the edge.

    `trace` is that of `Batch`; empty for nearly all.
    """

    edge: int
    sequence: int
    round: int
    payload: bytes
    records: int
    trace: bytes = b""


@attrs.frozen
class MarkFrame:
    """A mark in its place among the batches of an edge."""

    edge: int
    sequence: int
    round: int
    mark: Mark


@attrs.frozen
class Grant:
    """Everything on *edge* up to *sequence* has been taken by the consumer."""

    edge: int
    sequence: int


@attrs.frozen
class Alive:
    """The sender asks for a sign of life by it; the receiver gives one when bytes have come."""


PeerMessage: TypeAlias = LinkHello | LinkRefused | Data | MarkFrame | Grant | Alive

_hello_decoder = msgspec.json.Decoder(LinkHello)
_refused_decoder = msgspec.json.Decoder(LinkRefused)


def encode_peer(message: PeerMessage) -> bytes:
    """The bytes of *message*."""
    match message:
        case Data(edge, sequence, round_, payload, records, trace):
            data = _data.pack(_DATA, edge, sequence, round_, records) + payload
            return bytes([_TRACED]) + trace + data if trace else data
        case MarkFrame(edge, sequence, round_, mark):
            kind, rest = _encode_mark(mark)
            return _mark.pack(_MARK, edge, sequence, round_, kind) + rest
        case Grant(edge, sequence):
            return _grant.pack(_GRANT, edge, sequence)
        case Alive():
            return bytes([_ALIVE])
        case LinkHello():
            return bytes([_HELLO]) + msgspec.json.encode(message)
        case LinkRefused():
            return bytes([_REFUSED]) + msgspec.json.encode(message)


def _encode_mark(mark: Mark) -> tuple[int, bytes]:
    match mark:
        case Barrier(round_, number):
            return _BARRIER, _barrier.pack(round_, number)
        case Watermark(time, idle):
            return _WATERMARK, _watermark.pack(time, idle)
        case EndOfStream():
            return _END, b""
        case Loaded():
            return _LOADED, b""


def decode_peer(data: bytes) -> PeerMessage:
    """The message in *data*. Raises RemoteProtocolError: it is malformed."""
    try:
        return _decode(data)
    except (struct.error, msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RemoteProtocolError(f"malformed message on a data channel: {error}") from error


def _decode(data: bytes) -> PeerMessage:
    match data[0] if data else None:
        case 3:
            _, edge, sequence, round_, records = _data.unpack_from(data)
            return Data(edge, sequence, round_, data[_data.size :], records)
        case 4:
            _, edge, sequence, round_, kind = _mark.unpack_from(data)
            return MarkFrame(edge, sequence, round_, _decode_mark(kind, data[_mark.size :]))
        case 5:
            _, edge, sequence = _grant.unpack(data)
            return Grant(edge, sequence)
        case 6:
            return Alive()
        case 7:
            return _decode_traced(data[1 : 1 + TRACE_BYTES], data[1 + TRACE_BYTES :])
        case 1:
            return _hello_decoder.decode(data[1:])
        case 2:
            return _refused_decoder.decode(data[1:])
        case kind:
            raise RemoteProtocolError(f"unknown kind {kind} of message on a data channel")


def _decode_traced(trace: bytes, rest: bytes) -> Data:
    message = _decode(rest) if rest[:1] == bytes([_DATA]) else None
    if not isinstance(message, Data):
        raise RemoteProtocolError("a trace on a data channel without records")
    return attrs.evolve(message, trace=trace)


def _decode_mark(kind: int, rest: bytes) -> Mark:
    match kind:
        case 1:
            return Barrier(*_barrier.unpack(rest))
        case 2:
            return Watermark(*_watermark.unpack(rest))
        case 3 if not rest:
            return EndOfStream()
        case 4 if not rest:
            return Loaded()
        case _:
            raise RemoteProtocolError(f"malformed mark of kind {kind}")
