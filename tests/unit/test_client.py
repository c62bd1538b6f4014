"""A client of a TCP source keeps each record, and sends it again, until it is acknowledged."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import attrs
import pytest
from support.ports import free_port

from wallarood.client import SourceClient
from wallarood.connectors.framing import Answer, frame, payload_of, sequence_of, take_frames
from wallarood.model.errors import PeersGoneError, RefusedError


@attrs.define
class Turn:
    """One connection: what the source says first, and after how many records it closes it."""

    says: bytes
    records: int = 0
    acknowledges: bool = True


@attrs.define(eq=False)
class Source:
    """The other end: its connections by turns, and what came on each of them."""

    turns: list[Turn]
    came: list[list[tuple[int, bytes]]] = attrs.field(factory=list)

    def serve(self, listener: socket.socket) -> None:
        for turn in self.turns:
            connection, _ = listener.accept()
            with connection:
                self._serve_one(connection, turn)

    def _serve_one(self, connection: socket.socket, turn: Turn) -> None:
        connection.settimeout(10)
        buffer, seen, hello = bytearray(), list[tuple[int, bytes]](), False
        self.came.append(seen)
        while not hello or len(seen) < turn.records:
            data = connection.recv(65536)
            if not data:
                return
            buffer += data
            for each in take_frames(buffer, 1 << 20):
                if not hello:
                    hello = True
                    connection.sendall(turn.says)
                    continue
                seen.append((sequence_of(each), payload_of(each)))
                if turn.acknowledges:
                    connection.sendall(frame(Answer(ack=seen[-1][0])))


@contextmanager
def serving(*turns: Turn) -> Iterator[tuple[str, Source]]:
    source = Source(list(turns))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=source.serve, args=(listener,))
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}", source
        finally:
            thread.join(20)


def expects(sequence: int) -> bytes:
    return frame(Answer(next=sequence))


def send_again_and_again(client: SourceClient) -> None:
    """Until it is told why it may not."""
    for _ in range(1000):
        client.send(b"c")
        client.flush()


def send_and_fail(address: str) -> None:
    with SourceClient(address, "till") as client:
        client.send(b"a")
        raise ZeroDivisionError


def test_records_are_numbered_from_what_the_source_expects() -> None:
    with serving(Turn(expects(8), 2)) as (address, source):
        with SourceClient(address, "till") as client:
            assert client.next_sequence == 8
            client.send(b"a")
            client.send(b"b")
        assert source.came == [[(8, b"a"), (9, b"b")]]


def test_what_was_not_acknowledged_is_sent_again_and_nothing_else() -> None:
    """The source has made the first durable; of the others it says nothing, and dies."""
    with serving(Turn(expects(1), 3, acknowledges=False), Turn(expects(2), 2)) as (address, source):
        with SourceClient(address, "till") as client:
            for payload in (b"a", b"b", b"c"):
                client.send(payload)
        assert source.came[0] == [(1, b"a"), (2, b"b"), (3, b"c")]
        assert source.came[1] == [(2, b"b"), (3, b"c")]


def test_a_source_that_has_lost_what_it_acknowledged_is_refused() -> None:
    with serving(Turn(expects(1), 2), Turn(expects(1))) as (address, _):
        client = SourceClient(address, "till")
        client.send(b"a")
        client.send(b"b")
        client.flush()
        with pytest.raises(RefusedError, match="has 0 records of till, but has acknowledged 2"):
            send_again_and_again(client)
        client.close()


def test_why_the_source_refuses_is_told_also_if_it_closes_at_once() -> None:
    with serving(Turn(expects(1) + frame(Answer(error="a record is too long")))) as (address, _):
        client = SourceClient(address, "till")
        with pytest.raises(RefusedError, match="a record is too long"):
            send_again_and_again(client)
        client.close()


def test_what_speaks_another_protocol_is_refused() -> None:
    with serving(Turn(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as (address, _):
        client = SourceClient(address, "till")
        with pytest.raises(RefusedError, match="does not speak the protocol"):
            client.send(b"a")
        client.close()


def test_a_source_that_is_away_is_waited_for_no_longer_than_its_time() -> None:
    client = SourceClient(f"127.0.0.1:{free_port()}", "till", timeout_s=0.1)
    with pytest.raises(PeersGoneError, match="no answer from"):
        client.send(b"a")


def test_after_an_error_of_the_program_nothing_is_waited_for() -> None:
    one = Turn(expects(1), 1, acknowledges=False)
    with serving(one) as (address, _), pytest.raises(ZeroDivisionError):
        send_and_fail(address)
