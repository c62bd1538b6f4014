"""JetStream as a target of `SpooledSink`: atomic batches that end with a marker."""
# Theory of operation
# ===================
# A batch is stored whole or not at all, and only if the last message of the marker's subject is the
# one that was expected: so of two processes of one writer, one gets its batch in. A server takes at
# most a thousand messages in a batch; more records, or many bytes, go in several, each with a
# marker of its own. What is too long for a message is found when it is made if the server was asked
# before; else when it is sent: then it waits until the server takes it.

import base64
import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import attrs
import trio
from xxhash import xxh3_64_hexdigest

from wallarood.connectors.nats.protocol import publish
from wallarood.connectors.nats.server import NO_MESSAGE, Address, Connection
from wallarood.connectors.spool.target import Marker, MarkerMovedError
from wallarood.model.errors import ApplicationError, ConfigurationError, PeersGoneError

BATCH_MAX = 1000
BATCH_BYTES_MAX = 4 << 20
HEADER_BYTES_MAX = 256
WRONG_LAST_SEQUENCE = (10071, 10164)
VERSION_MIN = (2, 12)

Kept: TypeAlias = tuple[str, bytes]
"""What is sent: subject and payload."""


@attrs.define(eq=False)
class NatsTarget:
    """See `wallarood.Target`."""

    address: Address
    stream: str
    marker_prefix: str
    writer: str
    encoder: Callable[[list[Any]], list[Kept]]
    _connection: Connection | None = attrs.field(default=None, init=False)
    _sequence: int = attrs.field(default=0, init=False)
    """Of the marker in the stream; 0 if there is none."""
    _name: str = attrs.field(factory=lambda: secrets.token_hex(11), init=False)
    """Of its batches, before their number: no other process may have it."""
    _batches: int = attrs.field(default=0, init=False)

    _payload_max: int | None = attrs.field(default=None, init=False)
    """What server and stream take in a message; None: it was not asked yet."""

    @property
    def subject(self) -> str:
        """Of the markers of this writer: a name may have what a subject may not."""
        return f"{self.marker_prefix}.{xxh3_64_hexdigest(self.writer.encode())}"

    def encode(self, records: list[Any]) -> list[Kept]:
        """See `wallarood.Target`. Raises ApplicationError: a record cannot be sent; it is named."""
        kept = self.encoder(records)
        if (place := self._too_long(kept)) is not None:
            raise ApplicationError(
                f"{self._refused(kept[place])}, or make the record smaller\n"
                f"  record: {records[place]!r:.200}"
            )
        return kept

    def _too_long(self, kept: list[Kept]) -> int | None:
        """Where the first is that does not fit into a message."""
        limit = self._payload_max
        if limit is None or max((len(payload) for _, payload in kept), default=0) <= limit:
            return None
        return next(place for place, (_, payload) in enumerate(kept) if len(payload) > limit)

    def _refused(self, kept: Kept) -> str:
        return (
            f"{self.address}: a message for {kept[0]} has {len(kept[1]):,} bytes, and at most "
            f"{self._payload_max:,} are taken: raise max_payload of the server, and max_msg_size "
            f"of stream {self.stream!r}"
        )

    async def check(self) -> None:
        """See `wallarood.Target`."""
        connection = await self.address.connected()
        try:
            await self._check(connection)
        finally:
            with trio.CancelScope(shield=True):
                await connection.aclose()

    async def _check(self, connection: Connection) -> int:
        """How many replicas the stream has.

        Raises ConfigurationError: the server is too old, or the stream is not as it must be.
        """
        if connection.version < VERSION_MIN:
            found = ".".join(map(str, connection.version))
            raise ConfigurationError(
                f"{self.address} has version {found}: expected 2.12 or newer, for atomic batches"
            )
        config = (await connection.stream_info(self.stream))["config"]
        if not config.get("allow_atomic"):
            raise ConfigurationError(
                f"{self.address}: stream {self.stream!r} takes no atomic batches: set allow_atomic "
                f"(nats stream edit {self.stream} --allow-batch)"
            )
        if not any(_covers(pattern, self.subject) for pattern in config.get("subjects", ())):
            raise ConfigurationError(
                f"{self.address}: stream {self.stream!r} has subjects "
                f"{', '.join(config.get('subjects', ()))}: add {self.marker_prefix}.* to them, for "
                "the markers"
            )
        stream_max = config.get("max_msg_size", -1)
        limits = [connection.payload_max, *([stream_max] if stream_max > 0 else [])]
        self._payload_max = max(0, min(limits) - HEADER_BYTES_MAX)
        return int(config.get("num_replicas", 1))

    async def marker(self) -> Marker:
        """See `wallarood.Target`."""
        await self.aclose()
        connection = self._connection = await self.address.connected()
        try:
            replicas = await self._check(connection)
            marker = await self._read(connection)
            if replicas > 1:
                await self._confirm(connection, marker)
        except BaseException:
            with trio.CancelScope(shield=True):
                await self.aclose()
            raise
        return marker

    async def _read(self, connection: Connection) -> Marker:
        call = f"STREAM.MSG.GET.{self.stream}"
        answer = await connection.api(call, last_by_subj=self.subject)
        if "error" in answer:
            if answer["error"].get("err_code") != NO_MESSAGE:
                raise self.address.what(answer["error"].get("description", "unknown error"))
            self._sequence = 0
            return Marker()
        message = answer["message"]
        self._sequence = message["seq"]
        found = json.loads(base64.b64decode(message["data"]))
        return Marker(found["line"], found["last"])

    async def _confirm(self, connection: Connection, marker: Marker) -> None:
        """Raises MarkerMovedError: there is a newer one than *marker*."""
        headers = {"Nats-Expected-Last-Subject-Sequence": str(self._sequence)}
        answer = await connection.request(self.subject, self._stored(marker), headers=headers)
        self._sequence = self._checked(json.loads(answer.payload), marker)["seq"]

    def _stored(self, marker: Marker) -> bytes:
        kept = {"line": marker.line, "last": marker.last, "writer": self.writer}
        return json.dumps(kept).encode()

    def _checked(self, said: dict[str, Any], expected: Marker) -> dict[str, Any]:
        """What the server says to a message that is stored behind the marker *expected* only."""
        if "error" not in said:
            return said
        if said["error"].get("err_code") in WRONG_LAST_SEQUENCE:
            raise MarkerMovedError(f"{self.address}: the marker is not {expected}")
        raise self.address.what(said["error"].get("description", "unknown error"))

    async def apply(self, records: list[Kept], expected: Marker, new: Marker) -> None:
        """See `wallarood.Target`. Raises ConfigurationError: the server does not take one."""
        if (place := self._too_long(records)) is not None:
            raise ConfigurationError(self._refused(records[place]))
        last = new.last - len(records)
        for some in _cut(records):
            last += len(some)
            await self._batch(some, Marker(new.line, last), expected)

    async def _batch(self, records: list[Kept], new: Marker, expected: Marker) -> None:
        if self._connection is None:
            raise PeersGoneError(f"{self.address}: there is no connection")
        self._batches += 1
        name = f"{self._name}-{self._batches}"
        before = b"".join(
            publish(
                subject,
                payload,
                headers={"Nats-Batch-Id": name, "Nats-Batch-Sequence": str(number)},
            )
            for number, (subject, payload) in enumerate(records, 1)
        )
        answer = await self._connection.request(
            self.subject,
            self._stored(new),
            before=before,
            headers={
                "Nats-Batch-Id": name,
                "Nats-Batch-Sequence": str(len(records) + 1),
                "Nats-Batch-Commit": "1",
                "Nats-Expected-Last-Subject-Sequence": str(self._sequence),
            },
        )
        said = self._checked(json.loads(answer.payload), expected)
        if said.get("count") != len(records) + 1 or said.get("stream") != self.stream:
            raise PeersGoneError(
                f"{self.address} has stored a batch of {len(records) + 1} as {said}: its subjects "
                f"are not all in stream {self.stream!r}"
            )
        self._sequence = said["seq"]

    async def aclose(self) -> None:
        """See `wallarood.Target`."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.aclose()


def _cut(records: list[Kept]) -> Iterator[list[Kept]]:
    some: list[Kept] = []
    size = 0
    for each in records:
        size += len(each[1])
        if some and (len(some) == BATCH_MAX - 1 or size > BATCH_BYTES_MAX):
            yield some
            some, size = [], len(each[1])
        some.append(each)
    if some:
        yield some


def _covers(pattern: str, subject: str) -> bool:
    """Whether a pattern with * and > has *subject*."""
    wanted, found = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted, found = wanted[:-1], found[: len(wanted) - 1] if len(found) >= len(wanted) else []
    return len(wanted) == len(found) and all(
        each in ("*", other) for each, other in zip(wanted, found, strict=True)
    )
