"""The data link under simulation: cut at random bytes, it gives what went in, in order, once."""

import random
from collections import deque

import attrs
import pytest

from wallarood.flow.link import Delivery, LinkReceiver, LinkSender
from wallarood.model.batch import Barrier, EndOfStream, Mark
from wallarood.model.errors import RemoteProtocolError
from wallarood.wire.frames import FrameDecoder, encode_frame
from wallarood.wire.peer import Data, Grant, MarkFrame, decode_peer, encode_peer

SEEDS = 400
WINDOW = 200
EDGES = (3, 8)


class OneTooFar(LinkSender):
    """A planted bug: it goes on one frame behind where it should."""

    def resume(self, received: dict[int, int]) -> None:  # type: ignore[override]
        super().resume(received)
        self.next_unsent()


class Forgetful(LinkSender):
    """A planted bug: what was sent and not yet taken is not sent again."""

    def resume(self, received: dict[int, int]) -> None:  # type: ignore[override]
        del received
        self._unsent.clear()


@attrs.define(slots=False)
class Sim:
    """A sender and a receiver that outlive their connections; a cut loses bytes on the way."""

    seed: int
    sender: LinkSender = attrs.field(factory=lambda: LinkSender(WINDOW))
    receiver: LinkReceiver = attrs.field(factory=lambda: LinkReceiver(WINDOW))
    there: bytearray = attrs.field(factory=bytearray)
    back: bytearray = attrs.field(factory=bytearray)
    waiting: dict[int, deque[tuple[int, bytes | Mark]]] = attrs.field(
        factory=lambda: {edge: deque() for edge in EDGES}
    )
    sent: dict[int, list[bytes | Mark]] = attrs.field(factory=lambda: {e: [] for e in EDGES})
    got: dict[int, list[bytes | Mark]] = attrs.field(factory=lambda: {e: [] for e in EDGES})
    cuts: int = 0

    def __attrs_post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.connect()

    def connect(self) -> None:
        self.there.clear()
        self.back.clear()
        self.decoder, self.grants = FrameDecoder(1 << 16), FrameDecoder(1 << 16)
        self.sender.resume(self.receiver.received)
        self.receiver.reconnected()
        self.grant()

    def push(self) -> None:
        edge = self.rng.choice(EDGES)
        sequence = self.sender.next_sequence(edge)
        if self.rng.random() < 0.2:
            mark: Mark = Barrier(0, sequence)
            frame = encode_frame(encode_peer(MarkFrame(edge, sequence, 0, mark)))
            self.sender.push(edge, 0, frame)
            self.sent[edge].append(mark)
        elif self.sender.can_send(edge):
            payload = self.rng.randbytes(self.rng.choice([0, 1, 30, 500]))
            data = encode_peer(Data(edge, sequence, 0, payload, 1))
            self.sender.push(edge, len(data), encode_frame(data))
            self.sent[edge].append(payload)

    def move(self) -> None:
        """Some bytes go on their way, in both directions."""
        if (frame := self.sender.next_unsent()) is not None:
            self.there += frame
        part = self.rng.randrange(len(self.there) + 1)
        data = bytes(self.there[:part])
        del self.there[:part]
        for payload in self.decoder.feed(data):
            self.take_in(decode_peer(payload), len(payload))
        part = self.rng.randrange(len(self.back) + 1)
        data = bytes(self.back[:part])
        del self.back[:part]
        for payload in self.grants.feed(data):
            grant = decode_peer(payload)
            assert isinstance(grant, Grant)
            self.sender.granted(grant.edge, grant.sequence)

    def take_in(self, message: object, size: int) -> None:
        assert isinstance(message, Data | MarkFrame)
        cost = size if isinstance(message, Data) else 0
        if self.receiver.receive(message.edge, message.sequence, cost) is Delivery.NEW:
            content = message.payload if isinstance(message, Data) else message.mark
            self.waiting[message.edge].append((message.sequence, content))

    def consume(self) -> None:
        edge = self.rng.choice(EDGES)
        if self.waiting[edge]:
            sequence, content = self.waiting[edge].popleft()
            self.got[edge].append(content)
            self.receiver.taken(edge, sequence)
            if self.receiver.due:
                self.grant()

    def grant(self) -> None:
        for edge, sequence in self.receiver.grants().items():
            self.back += encode_frame(encode_peer(Grant(edge, sequence)))

    def cut(self) -> None:
        self.cuts += 1
        self.connect()

    def run(self) -> None:
        steps = [self.push] * 4 + [self.move] * 6 + [self.consume] * 4
        for _ in range(400):
            self.rng.choice(steps)()
            if self.rng.random() < 0.03:
                self.cut()
        for edge in EDGES:
            sequence = self.sender.next_sequence(edge)
            frame = encode_frame(encode_peer(MarkFrame(edge, sequence, 0, EndOfStream())))
            self.sender.push(edge, 0, frame)
            self.sent[edge].append(EndOfStream())
        for _ in range(20_000):
            self.move()
            self.consume()
            if self.sender.idle:
                break
        assert self.got == self.sent, f"seed {self.seed}"
        assert self.sender.idle, f"seed {self.seed}: something is never granted"


def test_what_comes_out_is_what_went_in_in_order_and_once() -> None:
    sims = [Sim(seed) for seed in range(SEEDS)]
    for sim in sims:
        sim.run()
    assert sum(sim.cuts for sim in sims) > SEEDS * 5
    assert sum(len(each) for sim in sims for each in sim.got.values()) > SEEDS * 30


@pytest.mark.parametrize("bug", [OneTooFar, Forgetful])
def test_a_planted_bug_is_caught(bug: type[LinkSender]) -> None:
    def caught(seed: int) -> bool:
        try:
            Sim(seed, sender=bug(WINDOW)).run()
        except (AssertionError, RemoteProtocolError):
            return True
        return False

    assert any(caught(seed) for seed in range(20))
