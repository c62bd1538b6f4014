"""What an HTTP sink sends: records in requests of the same size and name, however often."""
# Theory of operation
# ===================
# A chunk of the spool is cut into requests by its records alone, so that after a crash each has the
# same records again, and the same name: that of the writer and the numbers of its first and last
# record. A receiver that takes each name once has each record once. Within this process, what was
# answered is not sent again.

import hashlib
import random
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeAlias, get_args
from urllib.parse import quote

import attrs
import trio

from wallarood.connectors.codecs.codec import Encode
from wallarood.connectors.http.client import Answer, Connection, LostError, connected
from wallarood.connectors.http.url import Url
from wallarood.connectors.spool.target import Marker
from wallarood.model.errors import (
    ApplicationError,
    ConfigurationError,
    RecordsRefusedError,
    ServerAwayError,
)

Body: TypeAlias = Literal["lines", "array", "record"]
BODIES: tuple[Body, ...] = get_args(Body)
KEY = "Idempotency-Key"
KEY_CHARACTERS_MAX = 255
LATER = {408, 409, 421, 423, 425, 429}
"""Answers that say: not now."""
NOT_HERE = {401, 402, 403, 404, 405, 407, 410}
"""Answers about the sink, not about what it sends."""
HINTS = {
    401: "check secrets=",
    403: "check secrets=, and the rights that they give",
    404: "check the URL",
    405: "check the URL and method=",
    407: "it is behind a proxy, which is not supported",
    413: "lower batch_bytes_max=",
    415: "check body= and the header Content-Type",
}
JITTER_S = 0.2


def body_of(kind: Body, values: list[bytes]) -> bytes:
    """The body of a request."""
    match kind:
        case "lines":
            return b"".join([value + b"\n" for value in values])
        case "array":
            return b"[" + b",".join(values) + b"]"
        case _:
            return values[0]


@attrs.frozen
class Sending:
    """How records are sent: what stands in the source of `HttpSink`."""

    url: Url
    method: str
    body: Body
    content_type: str | None
    batch_records_max: int
    batch_bytes_max: int
    answer_s: float
    on_refused: Callable[[str, bytes, Answer], None] | None = None
    """Keeps the body of a request that was refused, by its name; without it that is an error."""

    def batches(self, values: list[bytes]) -> Iterator[list[bytes]]:
        """Cut a chunk into requests."""
        records_max = 1 if self.body == "record" else self.batch_records_max
        batch: list[bytes] = []
        size_bytes = 0
        for value in values:
            full = len(batch) >= records_max or size_bytes + len(value) > self.batch_bytes_max
            if batch and full:
                yield batch
                batch, size_bytes = [], 0
            batch.append(value)
            size_bytes += len(value) + 1
        if batch:
            yield batch


@attrs.define(eq=False)
class HttpRecipient:
    """See `Recipient`."""

    sending: Sending
    writer: str
    values: Encode
    _connection: Connection | None = attrs.field(default=None, init=False)
    _given: Marker = attrs.field(factory=Marker, init=False)
    """What was answered to this process."""
    _not_before: float = attrs.field(default=0.0, init=False)

    def encode(self, records: list[Any]) -> list[Any]:
        """See `Recipient.encode`. Raises ApplicationError: a record cannot stand on a line."""
        values = self.values(records)
        if self.sending.body == "lines":
            for record, value in zip(records, values, strict=True):
                if b"\n" in value:
                    raise ApplicationError(
                        f'a record of {self.writer} has a line end, and body="lines" one record '
                        f'on each line: choose body="record"\n  record: {record!r:.200}'
                    )
        return values

    async def give(self, records: list[bytes], last: Marker) -> None:
        """See `Recipient.give`. Raises ServerAwayError, ConfigurationError, RecordsRefusedError."""
        number = last.last - len(records)
        for batch in self.sending.batches(records):
            first, number = number + 1, number + len(batch)
            marker = Marker(last.line, number)
            if marker > self._given:
                key = key_of(self.writer, last.line, (first, number))
                await self._post(key, body_of(self.sending.body, batch))
                self._given = marker

    async def _post(self, key: str, body: bytes) -> None:
        """Raises ServerAwayError: to be tried again. Raises RecordsRefusedError: not."""
        sending = self.sending
        await trio.sleep_until(self._not_before)
        headers = [*sending.url.all_headers(), (KEY, key)]
        if sending.content_type is not None:
            headers.append(("Content-Type", sending.content_type))
        answer = await self._answer(sending.method, headers, body)
        if 200 <= answer.code < 300:
            return
        error = fault_of(sending.url, answer)
        wait_s = answer.retry_s(time.time())
        if isinstance(error, ServerAwayError) and wait_s is not None:
            self._not_before = trio.current_time() + wait_s + random.uniform(0, JITTER_S)
        if isinstance(error, RecordsRefusedError) and sending.on_refused is not None:
            await trio.to_thread.run_sync(sending.on_refused, key, body, answer)
            return
        if isinstance(error, RecordsRefusedError | ConfigurationError):
            refused = RecordsRefusedError(
                f"request {key} of {len(body):,} bytes, and what follows it, cannot be sent: "
                f"{error.message}"
            )
            refused.exit_code = error.exit_code
            raise refused
        raise error

    async def _answer(self, method: str, headers: list[tuple[str, str]], body: bytes) -> Answer:
        """The answer; a kept connection may have been closed meanwhile, and is tried once more."""
        answer_s = self.sending.answer_s
        try:
            if self._connection is not None and self._connection.is_usable:
                try:
                    return await self._connection.ask(method, headers, body, answer_s=answer_s)
                except LostError:
                    pass
            await self._disconnect()
            self._connection = await connected(self.sending.url)
            return await self._connection.ask(method, headers, body, answer_s=answer_s)
        except BaseException:  # cancelled, too: an answer may be on its way
            with trio.CancelScope(shield=True):
                await self._disconnect()
            raise

    async def check(self) -> None:
        """See `Recipient.check`: asks for the server's options, with the headers of a request."""
        answer = await self._answer("OPTIONS", self.sending.url.all_headers(), b"")
        error = fault_of(self.sending.url, answer)
        await self._disconnect()
        if answer.code in (401, 402, 403, 407) or 300 <= answer.code < 400:
            raise error

    async def _disconnect(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.aclose()

    async def aclose(self) -> None:
        """See `Recipient.aclose`."""
        await self._disconnect()


Fault: TypeAlias = ServerAwayError | ConfigurationError | RecordsRefusedError


def fault_of(url: Url, answer: Answer) -> Fault:
    """What an answer that is no success means, for a person."""
    code = answer.code
    if 300 <= code < 400:
        to = Url(answer.headers.get("location", "")).name
        return ConfigurationError(
            f"{url} answers {code} {answer.reason}, and redirects to {to}, which is not followed: "
            "correct the URL"
        )
    hint = HINTS.get(code, "")
    said = f"{url} answers {url.masked(str(answer))}" + (f": {hint}" if hint else "")
    if code >= 500 or code in LATER or code < 200:
        return ServerAwayError(said)
    return ConfigurationError(said) if code in NOT_HERE else RecordsRefusedError(said)


def key_of(writer: str, line: int, numbers: tuple[int, int]) -> str:
    """The name of a request with these first and last records."""
    rest = f"{f'-line-{line}' if line else ''}-{numbers[0]}-{numbers[1]}"
    name = quote(writer, safe="@")
    if len(name) + len(rest) > KEY_CHARACTERS_MAX:
        name = hashlib.sha256(writer.encode()).hexdigest()
    return name + rest
