"""Requests as records: what is kept of one, and what the records of its body are."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Generic, Literal, TypeAlias, get_args

import attrs
import msgspec
import typing_extensions
from xxhash import xxh3_64_intdigest

from wallarood.app.connector import Unreadable
from wallarood.connectors.codecs.codec import Decode
from wallarood.connectors.journal.blocks import Entry
from wallarood.connectors.journal.replay import Taken
from wallarood.connectors.values import DECODE_ERRORS

T_co = typing_extensions.TypeVar("T_co", covariant=True, default=Any)

Body: TypeAlias = Literal["record", "lines", "array"]
BODIES: tuple[Body, ...] = get_args(Body)
CREDENTIALS = {"authorization", "proxy-authorization", "cookie"}
"""Headers that are not kept: they are for whoever checks them."""
RECORDS_MAX = 20_000
"""Of a request: decoding them must not hold up others for long."""
HASH_MASK = (1 << 63) - 1


class HttpMessage(msgspec.Struct, Generic[T_co], frozen=True):
    """A request: what `HttpSource` gives with ``messages=True``.

    Names of `headers` are lower-case; those with credentials are left out. `time` is when it came,
    in microseconds since 1970 UTC. With several records in a body each has its own message.
    """

    value: T_co
    path: str = ""
    query: str = ""
    headers: dict[str, str] = {}
    time: int = 0


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    """An entry of the journal."""

    time: int
    body: bytes
    target: str = ""
    headers: dict[str, str] = {}


_kept_decoder = msgspec.msgpack.Decoder(_Kept)
_array_decoder = msgspec.json.Decoder(list[msgspec.Raw])


class MalformedError(ValueError):
    """A body is not what the source expects; the message is for its sender."""


@attrs.frozen
class Form:
    """What is expected of bodies, and what becomes of it.

    Without `decode` a record is the bytes. With `stops` what cannot be decoded is refused; else it
    is taken in as an `Unreadable` of `place`.
    """

    body: Body
    decode: Decode | None
    stops: bool
    messages: bool
    place: str
    record_bytes_max: int

    def entries(
        self, target: str, headers: Mapping[str, str], body: bytes, *, time: int, name: str = ""
    ) -> tuple[list[Entry], list[Taken]]:
        """What is kept of a request, and what it is to the application.

        *name* is what the sender calls the request, if it does; the first entry has it.

        Raises MalformedError: it has what the source does not take.
        """
        parts = self._parts(body)
        if len(parts) > RECORDS_MAX:
            raise MalformedError(f"{len(parts):,} records: expected up to {RECORDS_MAX:,}")
        about: dict[str, Any] = {}
        if self.messages:
            kept = {key: value for key, value in headers.items() if key not in CREDENTIALS}
            about = {"target": target, "headers": kept}
        entries: list[Entry] = []
        taken: list[Taken] = []
        for number, part in enumerate(parts, 1):
            if len(part) > self.record_bytes_max:
                raise MalformedError(
                    f"record {number} has {len(part):,} bytes, more than the "
                    f"{self.record_bytes_max:,} that are taken"
                )
            one = _Kept(time, part, **about)
            try:
                taken.append((self._record(one), time))
            except DECODE_ERRORS as error:
                where = "" if self.body == "record" else f"record {number}: "
                raise MalformedError(f"{where}{error}") from None
            entries.append(("", 0, msgspec.msgpack.encode(one)))
        if name and entries:
            entries[0] = (name, digest(body), entries[0][2])
        return entries, taken

    def _parts(self, body: bytes) -> Sequence[bytes]:
        match self.body:
            case "record":
                return [body]
            case "lines":
                lines = body.split(b"\n", RECORDS_MAX + 1)
                return [each for line in lines if (each := line.removesuffix(b"\r"))]
        try:
            return [bytes(each) for each in _array_decoder.decode(body)]
        except DECODE_ERRORS as error:
            raise MalformedError(f"expected a JSON array: {error}") from None

    def _record(self, kept: _Kept) -> Any:
        """Raises one of DECODE_ERRORS: it cannot be decoded, and that stops."""
        value: Any = kept.body
        if self.decode is not None:
            try:
                value = self.decode(kept.body)
            except DECODE_ERRORS as error:
                if self.stops:
                    raise
                return Unreadable(str(error), kept.body, self.place)
        if not self.messages:
            return value
        path, _, query = kept.target.partition("?")
        return HttpMessage(value, path, query, kept.headers, kept.time)

    def again(self, payload: bytes) -> Taken:
        """What an entry of the journal is. Raises ValueError or RecursionError: see `_record`."""
        kept = _kept_decoder.decode(payload)
        return self._record(kept), kept.time


def digest(body: bytes) -> int:
    """What tells whether a request that comes again is the same."""
    return xxh3_64_intdigest(body) & HASH_MASK


def answer_of(**values: Any) -> bytes:
    """The body of an answer."""
    return json.dumps(values).encode() + b"\n"
