"""An open subject of a stream of JetStream."""
# Theory of operation
# ===================
# Messages are taken by direct gets of many at once, from a sequence number on: no consumer at the
# server, which could answer another number than was asked for. Everything up to the *position* was
# read. It follows the stream also where others have subjects in it: if a get leaves nothing, all is
# read up to where the stream ended before that get. But a get may be answered by a replica that is
# behind the leader: so before the position passes the last message, the leader, which also says
# where the stream ends, is asked whether there is one between. After each get the stream says where
# it begins; if that is behind the position, something may be gone: unless the very next came.

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs
import trio

from wallarood.app.connector import SourceBatch, SourceLimits, Unreadable
from wallarood.connectors.nats.protocol import Message
from wallarood.connectors.nats.server import NO_MESSAGE, Address, Connection, NoStreamError
from wallarood.connectors.values import DECODE_ERRORS, Decode
from wallarood.model.errors import (
    ApplicationError,
    ConfigurationError,
    PeersGoneError,
    ServerAwayError,
)

GET_MAX = 1000
GONE_S = 5.0
"""How long a stream that was read may be missing before it is gone."""
WAIT_S = 0.1
"""How often a stream is asked whether there is more."""
TELL_S = 1.0
"""How often a position that has moved without records is told."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@attrs.frozen
class Reading:
    """How messages become records; without `decode` they are their payloads.

    `stamps`: their times are used.
    """

    server: str
    stream: str
    subject: str
    decode: Decode | None
    stops: bool
    stamps: bool = True

    def batch(self, messages: Sequence[Message], position: Any) -> SourceBatch[Any]:
        """Raises ApplicationError: one cannot be read, and that stops."""
        records, readable, unreadable = [], [], []
        for each in messages:
            try:
                records.append(each.payload if self.decode is None else self.decode(each.payload))
                readable.append(each)
            except DECODE_ERRORS as error:
                unreadable.append(self._unreadable(each, str(error)))
        if not self.stamps:
            return SourceBatch(records, position, tuple(unreadable))
        times = [_micros(each.headers["Nats-Time-Stamp"]) for each in readable]
        return SourceBatch(records, position, tuple(unreadable), times)

    def _unreadable(self, message: Message, error: str) -> Unreadable:
        place = f"{self.stream} {message.headers['Nats-Sequence']}"
        if self.stops:
            raise ApplicationError(
                f"message {place} of {self.server} cannot be read: {error}\n"
                f"  payload: {message.payload!r:.200}\n"
                "Correct format= and record=, or say on_error="
            )
        return Unreadable(error, message.payload, place)


def _micros(text: str) -> int:
    since = datetime.fromisoformat(text) - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def check_stream(info: Mapping[str, Any], address: Address, stream: str) -> None:
    """Raises ConfigurationError: messages cannot be got."""
    if not info["config"].get("allow_direct"):
        raise ConfigurationError(
            f"{address}: stream {stream!r} does not allow direct gets: set allow_direct "
            f"(nats stream edit {stream} --allow-direct)"
        )


@attrs.define(eq=False)
class NatsReader:
    """See `SourceReader`. `position` is None at the beginning."""

    address: Address
    reading: Reading
    position: dict[str, Any] | None
    start: str
    limits: SourceLimits
    worked: set[str] = attrs.field(factory=set)
    """The subjects that were read in this process: a server that refuses one of them now is
    shutting down, or will be put right, and is asked again."""
    caught_up: bool = attrs.field(default=False, init=False)
    lag_records: int | None = attrs.field(default=None, init=False)
    _connection: Connection | None = attrs.field(default=None, init=False)
    _told: float = attrs.field(factory=trio.current_time, init=False)
    """When a position was told last, and which."""
    _told_sequence: int = attrs.field(init=False)

    @_told_sequence.default
    def _opened_at(self) -> int:
        return self.position["sequence"] if self.position else 0

    async def read(self) -> SourceBatch[Any] | None:
        """See `SourceReader.read`.

        Raises ApplicationError: messages are gone that were not read, or one cannot be read.
        Raises ConfigurationError: it never worked. Raises ServerAwayError: the server is away, or
        refuses now.
        """
        try:
            batch = await self._next()
        except PeersGoneError as error:
            raise ServerAwayError(error.message) from error
        except ConfigurationError as error:
            if self.reading.subject in self.worked:
                raise ServerAwayError(error.message) from error
            raise
        self._told = trio.current_time()
        self._told_sequence = batch.position["sequence"]
        return batch

    async def _next(self) -> SourceBatch[Any]:
        try:
            while (batch := await self._read()) is None:
                pass
            return batch
        except BaseException:  # cancelled, it may be: then an answer may be on its way
            with trio.CancelScope(shield=True):
                await self.aclose()
            raise

    async def _read(self) -> SourceBatch[Any] | None:
        if self._connection is None:
            self._connection = await self.address.connected()
        connection, stream = self._connection, self.reading.stream
        before = await self._info(connection)
        check_stream(before, self.address, stream)
        self.worked.add(self.reading.subject)
        if self.position is None:
            state = before["state"]
            sequence = state["first_seq"] - 1 if self.start == "earliest" else state["last_seq"]
            self.position = {"sequence": max(0, sequence), "created": before["created"]}
            return SourceBatch([], dict(self.position), (), [])
        sequence = self.position["sequence"]
        count = min(GET_MAX, self.limits.batch_records_max)
        asked = {
            "seq": sequence + 1,
            "batch": count,
            "max_bytes": self.limits.batch_bytes_max,
            "next_by_subj": self.reading.subject,
        }
        *messages, end = await connection.many(
            f"$JS.API.DIRECT.GET.{stream}", json.dumps(asked).encode()
        )
        self._check_origin(messages)
        after = await self._caught_up_info(connection)
        self._check(after, messages)
        whole = end.status.startswith("404") or end.headers.get("Nats-Num-Pending") == "0"
        if not whole and not messages:
            raise PeersGoneError(f"{self.address}: {end.status or 'no messages'}")
        last = int(messages[-1].headers["Nats-Sequence"]) if messages else sequence
        moved, ends = last, min(each["state"]["last_seq"] for each in (before, after))
        if whole and ends > last:
            whole = not await self._has_more(connection, last, ends)
            moved = ends if whole else last
        self.caught_up = whole
        pending = end.headers.get("Nats-Num-Pending", "")
        self.lag_records = 0 if whole else int(pending) if pending.isdecimal() else None
        self.position = {"sequence": moved, "created": self.position["created"]}
        if messages:
            return self.reading.batch(messages, dict(self.position))
        if moved > self._told_sequence and trio.current_time() > self._told + TELL_S:
            return SourceBatch([], dict(self.position), (), [])
        await trio.sleep(WAIT_S)
        return None

    async def _info(self, connection: Connection) -> dict[str, Any]:
        """What the stream is. Raises ApplicationError: it was read, and is gone to stay."""
        until = trio.current_time() + GONE_S
        while True:
            try:
                return await connection.stream_info(self.reading.stream)
            except NoStreamError as error:
                if self.position is None:
                    raise
                if trio.current_time() > until:
                    raise ApplicationError(
                        f"{error.message}; it was read up to {self.position['sequence']:,}. Put "
                        "its data back, or form a new cluster to read another from its beginning"
                    ) from None
            await trio.sleep(WAIT_S)

    async def _caught_up_info(self, connection: Connection) -> dict[str, Any]:
        """The same, not of a replica that was the leader and has not heard of its successor.

        One that ends before the position is asked again for a while.
        """
        assert self.position is not None
        until = trio.current_time() + GONE_S
        while True:
            info = await self._info(connection)
            same = info["created"] == self.position["created"]
            lags = info["state"]["last_seq"] < self.position["sequence"]
            if not (same and lags) or trio.current_time() > until:
                return info
            await trio.sleep(WAIT_S)

    async def _has_more(self, connection: Connection, last: int, ends: int) -> bool:
        """Whether the leader has a message of the subject behind *last* and up to *ends*."""
        call = f"STREAM.MSG.GET.{self.reading.stream}"
        answer = await connection.api(call, seq=last + 1, next_by_subj=self.reading.subject)
        if "error" not in answer:
            return bool(answer["message"]["seq"] <= ends)
        if answer["error"].get("err_code") == NO_MESSAGE:
            return False
        raise self.address.what(answer["error"].get("description", "unknown error"))

    def _check_origin(self, messages: Sequence[Message]) -> None:
        """Raises PeersGoneError: a mirror has answered, which may have only some of them."""
        for other in {each.headers.get("Nats-Stream", "") for each in messages}:
            if other != self.reading.stream:
                raise PeersGoneError(
                    f"{self.address}: messages of stream {self.reading.stream!r} came from "
                    f"{other!r}: set mirror_direct of that one to false"
                )

    def _check(self, info: Mapping[str, Any], messages: Sequence[Message]) -> None:
        """Raises ApplicationError: the stream is another one, or messages are gone."""
        assert self.position is not None
        place = f"stream {self.reading.stream!r} of {self.address}"
        sequence, state = self.position["sequence"], info["state"]
        if info["created"] != self.position["created"] or state["last_seq"] < sequence:
            raise ApplicationError(
                f"{place} was deleted and made anew, or has lost messages: it was read up to "
                f"{sequence:,}, and ends at {state['last_seq']:,}. Put its data back, or form a "
                "new cluster to read it from its beginning"
            )
        first = state["first_seq"]
        next_came = messages and int(messages[0].headers["Nats-Sequence"]) == sequence + 1
        if first > sequence + 1 and not next_came:
            raise ApplicationError(
                f"{place}: messages after {sequence:,} are gone: the lowest available is "
                f"{first:,}, so up to {first - sequence - 1:,} were deleted before they were read. "
                "Nothing was skipped. Raise the limits of the stream, and form a new cluster to "
                "read from the lowest"
            )

    async def committed(self, position: Any) -> None:
        """See `SourceReader.committed`. The server is not told."""

    async def aclose(self) -> None:
        """See `SourceReader.aclose`."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.aclose()
