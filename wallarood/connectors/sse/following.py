"""Following the events of a server: asking for them, keeping them, asking again."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Generic

import attrs
import msgspec
import structlog
import trio
import typing_extensions

from wallarood.app.connector import Unreadable
from wallarood.connectors.http.client import Connection, connected, errors_of
from wallarood.connectors.http.recipient import fault_of
from wallarood.connectors.http.url import Url
from wallarood.connectors.journal.handed import Handed
from wallarood.connectors.journal.intake import Intake
from wallarood.connectors.journal.replay import Taken
from wallarood.connectors.live.connected import keep_connected
from wallarood.connectors.live.form import ValueForm
from wallarood.connectors.sse.parser import Event, EventParser, TooLongError
from wallarood.model.errors import ConfigurationError, ServerAwayError

ANSWER_S = 30.0
KIND = "text/event-stream"

T_co = typing_extensions.TypeVar("T_co", covariant=True, default=Any)

log = structlog.get_logger(__name__)


class SseMessage(msgspec.Struct, Generic[T_co], frozen=True):
    """An event: what `SseSource` gives with ``messages=True``.

    `kind` is what the server calls it, "message" if nothing. `time` is when it came, in
    microseconds since 1970 UTC.
    """

    value: T_co
    kind: str = "message"
    id: str = ""
    time: int = 0


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    """An entry of the journal."""

    time: int
    data: bytes
    kind: str
    id: str


_decoder = msgspec.msgpack.Decoder(_Kept)


async def subscribe(connection: Connection, last_id: str) -> None:
    """Ask for events. Raises ConfigurationError or ServerAwayError: they are not sent."""
    url = connection.url
    headers = [*url.all_headers(), ("Accept", KIND), ("Cache-Control", "no-store")]
    if last_id.isascii() and last_id.isprintable() and last_id:
        headers.append(("Last-Event-ID", last_id))
    with errors_of(url), trio.move_on_after(ANSWER_S):
        answer = await connection.begin("GET", headers)
        if answer.code == 204:
            raise ServerAwayError(f"{url} answers 204: it has no more events")
        if answer.code != 200:
            error = fault_of(url, answer)
            raise error if isinstance(error, ServerAwayError) else ConfigurationError(error.message)
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != KIND:
            raise ConfigurationError(f"{url} sends {kind or 'no type'}, expected {KIND}")
        return
    raise ServerAwayError(f"{url} does not answer within {ANSWER_S:.0f} s")


@attrs.define(eq=False)
class Events:
    """Follows the events of a server. `missed` is whether some may have been missed."""

    url: Url
    form: ValueForm
    messages: bool
    kinds: tuple[str, ...] | None
    silence_s: float | None
    event_bytes_max: int
    _count: int = attrs.field(default=0, init=False)
    """Numbers events, so that the last is known."""
    _missed: bool = attrs.field(default=False, init=False)

    def again(self, payload: bytes) -> Taken:
        """What an entry of the journal is."""
        return self._taken(_decoder.decode(payload))

    def _taken(self, kept: _Kept) -> Taken:
        value = self.form.value(kept.data)
        if self.messages and not isinstance(value, Unreadable):
            value = SseMessage(value, kept.kind, kept.id, kept.time)
        return value, kept.time

    async def follow(self, intake: Intake) -> None:
        """Follow until cancelled. Raises ConfigurationError: the server refuses at first."""

        async def converse(is_there: Callable[[], None]) -> None:
            await self._read(intake, is_there)

        self._missed = intake.journal.next > 0
        await keep_connected(intake, converse)

    async def _read(self, intake: Intake, is_there: Callable[[], None]) -> None:
        await intake.settled()
        known = intake.journal.highest
        last_id = max(known, key=lambda name: known[name], default="")
        self._count = max(self._count, known.get(last_id, 0))
        connection = await connected(self.url)
        try:
            await subscribe(connection, last_id)
            is_there()
            if self._missed and not last_id:
                log.warning(
                    "connected again: events that were sent meanwhile are lost, since the server "
                    "does not number them",
                    server=str(self.url),
                )
            self._missed = True
            parser = EventParser(self.event_bytes_max, last_id)
            while True:
                await intake.room()
                data = await self._more(connection)
                try:
                    events = parser.feed(data)
                except TooLongError as error:
                    raise ServerAwayError(f"{self.url} sends {error}") from None
                if handed := self._handed(events):
                    intake.hand_in(handed)
        finally:
            await connection.aclose()

    async def _more(self, connection: Connection) -> bytes:
        limit_s = float("inf") if self.silence_s is None else self.silence_s
        with errors_of(self.url), trio.move_on_after(limit_s):
            data = await connection.data()
            if data is None:
                raise ServerAwayError(f"{self.url} has ended the stream of events")
            return data
        raise ServerAwayError(f"{self.url} has been silent for {limit_s:g} s")

    def _handed(self, events: Sequence[Event]) -> Handed | None:
        wanted = [each for each in events if self.kinds is None or each.kind in self.kinds]
        if not wanted:
            return None
        micros = time.time_ns() // 1000
        kept = [_Kept(micros, each.data, each.kind, each.id) for each in wanted]
        entries = [
            (each.id, number, msgspec.msgpack.encode(one))
            for number, (each, one) in enumerate(zip(wanted, kept, strict=True), self._count + 1)
        ]
        self._count += len(entries)
        return Handed(entries, [self._taken(one) for one in kept])
