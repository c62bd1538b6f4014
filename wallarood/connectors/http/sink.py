"""A sink that sends records to an HTTP server."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import attrs
import msgspec

from wallarood.app.connector import SinkContext, SinkWriter
from wallarood.connectors.http.client import Answer
from wallarood.connectors.http.recipient import BODIES, Body, HttpRecipient, Sending
from wallarood.connectors.http.url import Url
from wallarood.connectors.spool.files import check_files
from wallarood.connectors.spool.here import NotedHere
from wallarood.connectors.spool.sink import SPOOL_BYTES_MAX, SpooledSink
from wallarood.connectors.values import ValueFormat, codec_in, encoder_of
from wallarood.disk.durable import write_whole
from wallarood.model.errors import ApplicationError, CannotCreateError

TYPES = {
    ("lines", "json"): "application/x-ndjson",
    ("array", "json"): "application/json",
    ("record", "json"): "application/json",
    ("lines", "text"): "text/plain; charset=utf-8",
    ("record", "text"): "text/plain; charset=utf-8",
    ("lines", "csv"): "text/csv; charset=utf-8",
    ("record", "csv"): "text/csv; charset=utf-8",
    ("record", "bytes"): "application/octet-stream",
    ("record", "msgpack"): "application/vnd.msgpack",
}
"""The Content-Type of each body and format; others make no sense."""


def _type_of(body: str, value_format: ValueFormat) -> str | None:
    """The Content-Type; None: a body cannot have this format. A codec makes bytes."""
    return TYPES.get((body, value_format if isinstance(value_format, str) else "bytes"))


@attrs.frozen(init=False)
class HttpSink:
    """Sends records by POST to an HTTP server, a checkpoint at a time.

    *url* is ``https://HOST/PATH``, verified by *ca_file* or the system's authorities, or
    ``http://…``. *secrets* are headers whose values stand in files, as ``{"Authorization":
    "/run/credentials/…"}``; *headers* are others. A request has up to *batch_records_max* (default
    500) records in up to *batch_bytes_max* (default 1 MiB): with *body* "lines" (default) one a
    line, with "array" a JSON array, with "record" a single one. `format` is "json" (default),
    "text", or for "record" also "bytes" and "msgpack". *method* may be "PUT".

    Every request has an ``Idempotency-Key: WRITER-FIRST-LAST``, the numbers of its records. Answers
    5xx, 408, 409 and 429, and lost connections, are tried again after pauses that grow, or as long
    as ``Retry-After`` says; redirects are not followed. Any other answer than 2xx stops the worker
    and says what was answered; with *refused_directory*, requests whose records are refused (400,
    413, 422, …) are put there as files, and the next is sent. An answer may take *answer_s*
    (default 30). While the server is away, records wait in the state directory (*spool_bytes_max*,
    default 1 GiB for each instance); then sources pause.

    Guarantee: exactly once and in order for each writer, if the server takes requests with the same
    key once; else at least once: after a crash, what was sent last may come again, in the same
    requests.

    >>> import wallarood as w
    >>> sink = w.HttpSink("http://127.0.0.1:7900/counts", body="array")
    """

    for_heirs: ClassVar[bool] = True

    url: Url
    body: Body
    format: ValueFormat
    method: str
    batch_records_max: int
    batch_bytes_max: int
    answer_s: float
    refused_directory: str | None
    spool_bytes_max: int

    def __init__(
        self,
        url: str,
        *,
        body: Body = "lines",
        format: ValueFormat = "json",
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        ca_file: str | None = None,
        batch_records_max: int = 500,
        batch_bytes_max: int = 1 << 20,
        answer_s: float = 30.0,
        refused_directory: str | None = None,
        spool_bytes_max: int = SPOOL_BYTES_MAX,
    ) -> None:
        where = Url(url, dict(headers or {}), dict(secrets or {}), ca_file)
        where.check("HttpSink")
        if body not in BODIES:
            expected = ", ".join(map(repr, BODIES))
            raise ApplicationError(f"HttpSink: body={body!r}: expected one of {expected}")
        codec_in("HttpSink", format)
        if _type_of(body, format) is None:
            raise ApplicationError(
                f"HttpSink: body={body!r} cannot have format={format!r}: choose body='record'"
            )
        if method not in ("POST", "PUT"):
            raise ApplicationError(f"HttpSink: method={method!r}: expected 'POST' or 'PUT'")
        for name, value in (
            ("batch_records_max", batch_records_max),
            ("batch_bytes_max", batch_bytes_max),
            ("spool_bytes_max", spool_bytes_max),
        ):
            if value < 1:
                raise ApplicationError(f"HttpSink: {name}={value}: expected 1 or more")
        if answer_s <= 0:
            raise ApplicationError(f"HttpSink: answer_s={answer_s}: expected more than 0")
        self.__attrs_init__(
            where,
            body,
            format,
            method=method,
            batch_records_max=batch_records_max,
            batch_bytes_max=batch_bytes_max,
            answer_s=answer_s,
            refused_directory=refused_directory,
            spool_bytes_max=spool_bytes_max,
        )

    def _recipient(self, writer: str, step: str) -> HttpRecipient:
        refused = None if self.refused_directory is None else Refused(Path(self.refused_directory))
        kinds = {name.lower() for name in (*self.url.headers, *self.url.secrets)}
        sending = Sending(
            self.url,
            self.method,
            self.body,
            content_type=None if "content-type" in kinds else _type_of(self.body, self.format),
            batch_records_max=self.batch_records_max,
            batch_bytes_max=self.batch_bytes_max,
            answer_s=self.answer_s,
            on_refused=refused,
        )
        return HttpRecipient(sending, writer, encoder_of("HttpSink", self.format, step))

    async def open(self, context: SinkContext, state: Any) -> SinkWriter:
        """See `Sink.open`. Connects when there is something to send.

        Raises CannotCreateError: its directory cannot be made.
        """

        def connect(writer: str) -> NotedHere:
            return NotedHere(self._recipient(writer, context.step), Path(context.directory))

        spooled = SpooledSink(connect, server=str(self.url), spool_bytes_max=self.spool_bytes_max)
        return await spooled.open(context, state)

    verify = staticmethod(check_files)

    async def check_connected(self) -> None:
        """Raises WallaroodError: the server cannot be used. Changes nothing there."""
        recipient = self._recipient("wallarood-check", "")
        try:
            await recipient.check()
        finally:
            await recipient.aclose()


@attrs.frozen
class Refused:
    """Keeps requests that were refused, each in a file called by its key."""

    directory: Path

    def __call__(self, key: str, body: bytes, answer: Answer) -> None:
        """Keep *body*, and what was answered. Raises CannotCreateError: it cannot be written."""
        about = msgspec.json.encode({"key": key, "answer": str(answer)})
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            for ending, data in ((".body", body), (".json", about + b"\n")):
                write_whole(self.directory / f"{key}{ending}", data)
        except OSError as error:
            raise CannotCreateError(f"{self.directory}: {error.strerror}") from error
