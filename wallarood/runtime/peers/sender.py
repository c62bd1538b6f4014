"""The way out to one peer: a link that outlives its connections.

Theory of operation
===================
Stage tasks push encoded frames into the link while its edge has credit, and wait when it has none:
that is how backpressure crosses hosts. A frame is written at once while the connection takes it;
what it does not take is left to one writer, which sends as much at once as is there. The peer
grants credit when its consumer has taken batches; a grant is cumulative and frees the frames that
were kept for resending. When the connection breaks, a new one begins with what the peer has
received, and the link continues from there: nothing is lost and nothing comes twice.

A connection may be dead without notice: a middlebox has forgotten it. So an idle one is asked for
a sign of life, which the peer gives whenever bytes have come. One that is silent for several
questions in a row is closed, and another one dialled. A slow connection is not silent: what comes
over it bit by bit is answered too. Questions are counted, not seconds, so that a worker that has
stood still itself does not judge before it has looked at what has come.
"""

import sys
from collections.abc import Callable

import attrs
import structlog
import trio

from wallarood.flow.link import LinkSender
from wallarood.model.batch import Batch, Mark
from wallarood.model.errors import (
    ApplicationError,
    KeyRefusedError,
    RemoteProtocolError,
    first_error,
)
from wallarood.model.ids import Address, WorkerName
from wallarood.runtime.dataflow.counters import LinkCounters, Stopwatch
from wallarood.runtime.dataflow.waker import Waker
from wallarood.runtime.ports import DataChannel, DialData
from wallarood.wire.frames import FrameDecoder, encode_frame
from wallarood.wire.peer import (
    Alive,
    Data,
    Grant,
    LinkHello,
    LinkRefused,
    MarkFrame,
    decode_peer,
    encode_peer,
)
from wallarood.wire.records.codec import RecordCodec, is_typed
from wallarood.wire.records.untyped import RecordCodecError

SEND_BYTES_MAX = 256 << 10
FRAME_BYTES_WANTED = 256 << 10
"""Several such frames are within the window of an edge, and all that is done to one in caches."""
RECEIVE_BYTES_MAX = 64 << 10
BACKOFF_FIRST_S = 0.05
HELLO_DEADLINE_S = 5.0
ALIVE = encode_frame(encode_peer(Alive()))

log = structlog.get_logger(__name__)

CONNECTION_ERRORS = (OSError, trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError)


@attrs.define(eq=False)
class PeerSender:
    """The link to *peer*. `hello` says who we are; `address` where the peer is now."""

    peer: WorkerName
    hello: LinkHello
    address: Callable[[], Address]
    accepts: Callable[[LinkHello], bool]
    dial: DialData
    link: LinkSender
    frame_bytes_max: int
    backoff_max_s: float
    probe_s: float = 1.0
    """How often an idle connection is asked for a sign of life."""
    silent_max: int = 5
    """After how many questions without an answer a connection is dead."""
    counters: LinkCounters = attrs.field(factory=LinkCounters)
    knows_traces: bool = attrs.field(default=False, init=False)
    """Whether the peer takes batches that are traced: its hello says so."""
    _unsent: Waker = attrs.field(factory=Waker, init=False)
    _idle: DataChannel | None = attrs.field(default=None, init=False)
    """The connection, while its writer has nothing to do."""
    _rest: bytes = attrs.field(default=b"", init=False)
    """What the connection did not take of a frame: the next bytes on it."""
    _credit: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot, init=False)
    _connection: trio.CancelScope | None = attrs.field(default=None, init=False)
    _silent: int = attrs.field(default=0, init=False)
    """How many questions have gone by since something came."""

    async def run(self) -> None:
        """Keep a connection to the peer, until cancelled."""
        backoff_s = BACKOFF_FIRST_S
        while True:
            try:
                with trio.CancelScope() as self._connection:
                    async with self.dial(self.address()) as channel:
                        frames = await self._greet(channel)
                        backoff_s = BACKOFF_FIRST_S
                        await self._use(channel, frames)
            except (*CONNECTION_ERRORS, KeyRefusedError, RemoteProtocolError) as error:
                log.debug("data channel closed", peer=self.peer, reason=str(error))
            except BaseExceptionGroup as group:
                _, other = group.split((*CONNECTION_ERRORS, RemoteProtocolError))
                if other is not None:
                    raise
                log.debug("data channel closed", peer=self.peer, reason=str(first_error(group)))
            finally:
                self._idle, self._rest = None, b""
            await trio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, self.backoff_max_s)

    def drop(self) -> None:
        """Close the connection, if there is one; `run` dials again."""
        if self._connection is not None:
            self._connection.cancel()

    async def _greet(self, channel: DataChannel) -> FrameDecoder:
        """Exchange hellos and let the link continue where the peer stands."""
        with trio.fail_after(HELLO_DEADLINE_S):
            frames = FrameDecoder(self.frame_bytes_max)
            await channel.send_all(encode_frame(encode_peer(self.hello)))
            payloads: list[bytes] = []
            while not payloads:
                data = await channel.receive_some(RECEIVE_BYTES_MAX)
                if not data:
                    raise RemoteProtocolError("the peer closed the connection instead of a hello")
                payloads = list(frames.feed(data))
        answer = decode_peer(payloads[0])
        if isinstance(answer, LinkRefused):
            raise RemoteProtocolError(answer.reason)
        if not isinstance(answer, LinkHello) or answer.worker != self.peer:
            raise RemoteProtocolError(f"expected a hello of {self.peer}, found {answer!r:.200}")
        if not self.accepts(answer):
            raise RemoteProtocolError(f"{self.peer} has another incarnation than its members know")
        self.knows_traces = answer.traces
        self.link.resume(dict(answer.received))
        return frames

    async def _use(self, channel: DataChannel, frames: FrameDecoder) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write, channel)
            nursery.start_soon(self._watch, channel)
            await self._read_grants(channel, frames)
            nursery.cancel_scope.cancel()

    async def _write(self, channel: DataChannel) -> None:
        while True:
            parts = [self._rest] if self._rest else []
            size = len(self._rest)
            self._rest = b""
            while size < SEND_BYTES_MAX and (frame := self.link.next_unsent()) is not None:
                parts.append(frame)
                size += len(frame)
            if parts:
                await channel.send_all(parts[0] if len(parts) == 1 else b"".join(parts))
            else:
                self._idle = channel
                await self._unsent.wait()

    async def _watch(self, channel: DataChannel) -> None:
        """Raises trio.TooSlowError: the connection is dead."""
        self._silent = 0
        while True:
            await trio.sleep(self.probe_s)
            if self._silent >= self.silent_max:
                reason = "nothing comes over it, though something was sent"
                log.warning("data connection lost: dialling again", peer=self.peer, reason=reason)
                raise trio.TooSlowError(reason)
            self._silent += 1
            if self._idle is channel:  # else what is under way asks
                self._send_frame(channel, ALIVE)

    async def _read_grants(self, channel: DataChannel, frames: FrameDecoder) -> None:
        while data := await channel.receive_some(RECEIVE_BYTES_MAX):
            self._silent = 0
            for payload in frames.feed(data):
                grant = decode_peer(payload)
                if isinstance(grant, Alive):
                    continue
                if not isinstance(grant, Grant):
                    raise RemoteProtocolError(f"expected a grant, found {grant!r:.200}")
                self.link.granted(grant.edge, grant.sequence)
            self._credit.unpark_all()

    def has_credit(self, edge: int) -> bool:
        """Whether *edge* may send at once."""
        return self.link.can_send(edge)

    async def wait_for_credit(self, edge: int) -> None:
        """Return when *edge* may send."""
        while not self.link.can_send(edge):
            await self._credit.park()

    def push(self, edge: int, cost_bytes: int, frame: bytes) -> None:
        """Send or queue a frame that carries the edge's next sequence number."""
        self.link.push(edge, cost_bytes, frame)
        self.counters.bytes_out += len(frame)
        if self._idle is not None:
            self._send_now(self._idle)

    def _send_now(self, channel: DataChannel) -> None:
        """Send what is unsent as far as it goes at once; the writer does the rest."""
        while (frame := self.link.next_unsent()) is not None:
            if not self._send_frame(channel, frame):
                return

    def _send_frame(self, channel: DataChannel, frame: bytes) -> bool:
        """Send a frame as far as it goes at once; whether all of it went. The writer is idle."""
        try:
            sent = channel.send_nowait(frame)
        except OSError:  # the writer meets it too, and ends the connection
            sent = 0
        if sent == len(frame):
            return True
        self._idle, self._rest = None, frame[sent:]
        self._unsent.wake()
        return False


@attrs.define(eq=False)
class RemotePort:
    """The port of one edge to one peer. Large records go in several frames for a batch."""

    sender: PeerSender
    edge: int
    codec: RecordCodec
    blocked: Stopwatch = attrs.field(factory=Stopwatch)
    """That of the stage which sends."""
    _at_once: int = attrs.field(default=sys.maxsize, init=False)
    """How many records fit into one frame, if they are as large as the last ones."""

    async def send(self, batch: Batch) -> None:
        """See `wallarood.runtime.dataflow.outputs.Port.send`.

        Raises ApplicationError: a single record is larger than a frame may be. Raises
        RecordCodecError: one cannot be sent; `first` says where those begin that were not.
        """
        most = self.sender.frame_bytes_max // 2
        start = 0
        while start < len(batch):
            end = start + self._at_once
            part = batch if start == 0 and end >= len(batch) else batch.cut(start, end)
            if not self.sender.has_credit(self.edge):
                before_s = self.blocked.seconds
                with self.blocked:
                    await self.sender.wait_for_credit(self.edge)
                self.sender.counters.blocked_s += self.blocked.seconds - before_s
            try:
                payload = self.codec.encode(part)
            except RecordCodecError as error:
                error.first = start
                raise
            if not is_typed(payload):
                self.codec.untyped.records += len(part)
            self._at_once = max(1, min(FRAME_BYTES_WANTED, most) * len(part) // len(payload))
            if len(payload) <= most or len(part) == 1:
                # A record that fits in just so fits in as well when its batch is traced.
                traced = batch.trace is not None and start == 0 and len(payload) <= most
                self._push(payload, len(part), (batch.trace if traced else None) or b"")
                start += len(part)

    def _push(self, payload: bytes, records: int, trace: bytes) -> None:
        sequence, round_ = self.sender.link.next_sequence(self.edge), self.sender.hello.round
        if trace and not self.sender.knows_traces:
            trace = b""
        data = encode_peer(Data(self.edge, sequence, round_, payload, records, trace))
        if len(data) > self.sender.frame_bytes_max:
            raise ApplicationError(
                f"a record of {len(payload):,} bytes on its way to {self.sender.peer}: at most "
                f"{self.sender.frame_bytes_max:,} fit into a frame (limits.frame-bytes-max)"
            )
        self.sender.push(self.edge, len(data), encode_frame(data))

    def mark(self, mark: Mark) -> None:
        """See `wallarood.runtime.dataflow.outputs.Port.mark`."""
        sequence = self.sender.link.next_sequence(self.edge)
        data = encode_peer(MarkFrame(self.edge, sequence, self.sender.hello.round, mark))
        self.sender.push(self.edge, 0, encode_frame(data))
