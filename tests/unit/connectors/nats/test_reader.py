"""What the NATS reader makes of answers that a server alone would not give in a test."""

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import msgspec
import pytest
import trio
from support.patience import patiently

import wallarood as w
from wallarood.app.connector import SourceContext, SourceReader
from wallarood.connectors.nats.protocol import Message
from wallarood.connectors.nats.reader import Reading
from wallarood.model.errors import ConfigurationError

STATUS = b"NATS/1.0 "


@attrs.define
class Cluster:
    """Leader and replica: messages of subjects by number; gets see those up to one of `gets`."""

    subjects: list[str]
    gets: Iterator[int]
    names: Iterator[str] = attrs.field(factory=lambda: itertools.repeat("S"))
    """Of the streams that answer gets."""
    refusals: list[str] = attrs.field(factory=list)
    """What the next calls for the stream are answered with instead."""
    ends: Iterator[int] | None = None
    """Where the stream ends for those that are asked for it; None: where it does."""

    def answers(self, call: str, asked: dict[str, Any]) -> list[bytes]:
        """Messages without subject and size: head, and payload."""
        if call == "$JS.API.STREAM.INFO.S":
            last = len(self.subjects) if self.ends is None else next(self.ends)
            state = {"first_seq": 1, "last_seq": last}
            info = {"config": {"allow_direct": True}, "created": "then", "state": state}
            return [self._json(info)]
        if call == "$JS.API.STREAM.MSG.GET.S":
            for number in self._of(asked, len(self.subjects)):
                return [self._json({"message": {"seq": number}})]
            return [self._json({"error": {"err_code": 10037}})]
        assert call == "$JS.API.DIRECT.GET.S"
        found = [self._message(number) for number in self._of(asked, next(self.gets))]
        head = b"204 EOB\r\nNats-Num-Pending: 0" if found else b"404 No Messages"
        return [*found, STATUS + head + b"\r\n\r\n"]

    def _of(self, asked: dict[str, Any], end: int) -> list[int]:
        wanted = range(asked["seq"], end + 1)
        return [each for each in wanted if self.subjects[each - 1] == asked["next_by_subj"]]

    def _message(self, number: int) -> bytes:
        stamp = "2026-01-01T00:00:00.000000000Z"
        lines = f"Nats-Stream: {next(self.names)}\r\nNats-Sequence: {number}\r\n"
        head = f"NATS/1.0\r\n{lines}Nats-Time-Stamp: {stamp}\r\n\r\n"
        return (head + str(number)).encode()

    @staticmethod
    def _json(value: Any) -> bytes:
        return b"NATS/1.0\r\n\r\n" + json.dumps(value).encode()

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Speak with one client."""
        said = b""
        await stream.send_all(b'INFO {"version":"2.12.0","jetstream":true}\r\n')
        while data := await stream.receive_some():
            said += data
            while b"\r\n" in said:
                line, _, said = said.partition(b"\r\n")
                words = line.decode().split(" ")
                if words[0] == "PING":
                    await stream.send_all(b"PONG\r\n")
                if words[0] != "PUB":
                    continue
                size = int(words[3])
                while len(said) < size + 2:
                    said += await stream.receive_some()
                asked, said = json.loads(said[:size] or "{}"), said[size + 2 :]
                answers = self.answers(words[1], asked)
                if self.refusals:
                    answers = [STATUS + self.refusals.pop(0).encode() + b"\r\n\r\n"]
                for each in answers:
                    head = each.index(b"\r\n\r\n") + 4
                    sizes = f"{head} {len(each)}"
                    await stream.send_all(
                        f"HMSG {words[2]} 1 {sizes}\r\n".encode() + each + b"\r\n"
                    )


@asynccontextmanager
async def reading(cluster: Cluster, position: int) -> AsyncIterator[SourceReader]:
    """A reader of subject ``a``, after a position."""
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, cluster.serve, listeners)
        port = listeners[0].socket.getsockname()[1]
        source = w.NatsSource(f"nats://127.0.0.1:{port}", "S", "a")
        at = {"sequence": position, "created": "then"}
        reader = await source.open("a", at, SourceContext("in"))
        with patiently(5):
            yield reader
        await reader.aclose()
        nursery.cancel_scope.cancel()


async def test_no_message_is_passed_that_a_replica_does_not_have_yet() -> None:
    cluster = Cluster(["a", "b", "a", "b"], iter([0, 2, 2, 4]))
    async with reading(cluster, 0) as reader:
        first, second = await reader.read(), await reader.read()
    assert first is not None
    assert second is not None
    assert (first.records, first.position["sequence"]) == ([b"1"], 1)
    assert (second.records, second.position["sequence"]) == ([b"3"], 4)
    assert reader.caught_up


async def test_what_a_mirror_answers_is_not_taken() -> None:
    cluster = Cluster(["a"], iter([1, 1, 77]), names=iter(["MIRROR", "S"]))
    async with reading(cluster, 0) as reader:
        with pytest.raises(w.ServerAwayError, match="came from 'MIRROR'"):
            await reader.read()
        batch = await reader.read()
    assert batch is not None
    assert batch.records == [b"1"]
    assert next(cluster.gets) == 77  # after two gets


async def test_a_position_that_others_have_moved_is_told() -> None:
    cluster = Cluster(["a", "b", "b"], iter([3] * 100))
    async with reading(cluster, 1) as reader:
        batch = await reader.read()
    assert batch is not None
    assert (batch.records, batch.position["sequence"]) == ([], 3)


async def test_a_server_that_shuts_down_is_waited_for() -> None:
    cluster = Cluster(["a", "a"], iter([1, 2]))
    async with reading(cluster, 0) as reader:
        first = await reader.read()
        cluster.refusals.append("503")
        with pytest.raises(w.ServerAwayError, match="nobody answers"):
            await reader.read()
        second = await reader.read()
    assert first is not None
    assert second is not None
    assert first.records + second.records == [b"1", b"2"]


async def test_a_server_that_refuses_at_first_stops() -> None:
    cluster = Cluster(["a"], iter([1]), refusals=["503"])
    async with reading(cluster, 0) as reader:
        with pytest.raises(ConfigurationError, match="nobody answers"):
            await reader.read()


async def test_a_leader_that_was_replaced_and_does_not_know_it_is_asked_again() -> None:
    cluster = Cluster(["a", "a", "a"], itertools.repeat(3), ends=iter([2, 1, 1, 3, 3]))
    async with reading(cluster, 2) as reader:
        batch = await reader.read()
    assert batch is not None
    assert batch.records == [b"3"]


async def test_a_stream_that_has_lost_what_was_read_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wallarood.connectors.nats.reader.GONE_S", 0.3)
    cluster = Cluster(["a", "a", "a"], itertools.repeat(3), ends=itertools.repeat(1))
    async with reading(cluster, 2) as reader:
        with pytest.raises(w.ApplicationError, match="or has lost messages: it was read up to 2"):
            await reader.read()


@pytest.mark.parametrize(("stamps", "times"), [(True, [1_000_000]), (False, None)])
def test_records_are_stamped_where_their_times_are_used(
    stamps: bool, times: list[int] | None
) -> None:
    said = {"Nats-Sequence": "1", "Nats-Time-Stamp": "1970-01-01T00:00:01.000000000Z"}
    messages = [Message("a", payload, said) for payload in (b"1", b"{")]
    decode = msgspec.json.Decoder().decode
    batch = Reading("it", "S", "a", decode, stops=False, stamps=stamps).batch(messages, None)

    assert batch.records == [1]
    assert [each.raw for each in batch.unreadable] == [b"{"]
    assert batch.times == times
