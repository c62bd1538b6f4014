"""Messages in Avro."""
# Theory of operation
# ===================
# A message of Avro does not say what it is: who reads it must know the schema that it was written
# with. Confluent's header, a zero byte and four bytes, is the ID of that schema in a registry. No
# registry is asked here: the application says which schema an ID is.

import io
import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar, overload

import attrs
import msgspec

from wallarood.connectors.codecs.codec import Decode, Encode, NotReadableError
from wallarood.connectors.extra import imported, needed
from wallarood.connectors.text.plainvalues import plain_of
from wallarood.model.errors import ApplicationError

T = TypeVar("T")
SchemaLike: TypeAlias = dict[str, Any] | list[Any] | str | os.PathLike[str]

_HEADER = struct.Struct(">bI")
EXTRA = "avro"


def schema_from(schema: SchemaLike) -> Any:
    """A schema, which may be given as itself, as JSON, or as the path of a file with it.

    Raises ApplicationError: it cannot be read.
    """
    if isinstance(schema, dict | list):
        return schema
    text = os.fspath(schema)
    try:
        if not text.lstrip().startswith(("{", "[")):
            text = Path(text).read_text(encoding="utf-8")
        return json.loads(text)
    except OSError as error:
        raise ApplicationError(f"Avro: schema {schema}: {error.strerror}") from error
    except ValueError as error:
        raise ApplicationError(f"Avro: schema {schema!s:.100} is not JSON: {error}") from error


@attrs.frozen(init=False)
class Avro(Generic[T]):
    """Messages in Avro, as the `format` of a source or sink of messages.

    *schema* is a dict, JSON, or the path of a file (``orders.avsc``), which is read when the
    application is loaded. Needs ``pip install 'wallarood[avro]'``. What is read is a dict, or of
    class *record*. What is written is a dict or an object with just the fields of the schema; those
    with a default may be missing.

    With *confluent_id* each message has the header of Confluent's clients with the ID of the
    schema; a message with another ID cannot be read, unless *older* has the schema of that ID, by
    which it is read then. The registry itself is not asked.

    >>> import wallarood as w
    >>> schema = {"type": "record", "name": "Order", "fields": [{"name": "n", "type": "int"}]}
    >>> sink = w.KafkaSink("localhost:9092", "orders", format=w.Avro(schema, confluent_id=7))
    """

    schema: Any = attrs.field(hash=False)
    record: Any
    confluent_id: int | None
    older: Mapping[int, Any] = attrs.field(hash=False)

    @overload
    def __init__(
        self: "Avro[dict[str, Any]]",
        schema: SchemaLike,
        *,
        confluent_id: int | None = ...,
        older: Mapping[int, SchemaLike] | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self: "Avro[T]",
        schema: SchemaLike,
        *,
        record: type[T],
        confluent_id: int | None = ...,
        older: Mapping[int, SchemaLike] | None = ...,
    ) -> None: ...
    def __init__(
        self,
        schema: SchemaLike,
        *,
        record: Any = Any,
        confluent_id: int | None = None,
        older: Mapping[int, SchemaLike] | None = None,
    ) -> None:
        needed("fastavro", extra=EXTRA, owner="Avro")
        if older and confluent_id is None:
            raise ApplicationError("Avro: older is for messages with a header: give confluent_id=")
        try:
            msgspec.convert([], list.__class_getitem__(record))
        except TypeError as error:
            raise ApplicationError(f"Avro: record={record!r:.100}: {error}") from None
        others = {number: schema_from(each) for number, each in (older or {}).items()}
        self.__attrs_init__(schema_from(schema), record, confluent_id, others)

    def _parsed(self, schema: Any) -> Any:
        fastavro = imported("fastavro", extra=EXTRA, owner="Avro")
        try:
            return fastavro.parse_schema(schema)
        except Exception as error:  # of many kinds
            raise ApplicationError(
                f"Avro: the schema is wrong: {type(error).__name__}: {error}"
            ) from error

    def decoder(self) -> Decode:
        """See `Codec.decoder`."""
        read = imported("fastavro", extra=EXTRA, owner="Avro").schemaless_reader
        wanted, record = self._parsed(self.schema), self.record
        writers = {number: self._parsed(each) for number, each in self.older.items()}
        if self.confluent_id is not None:
            writers[self.confluent_id] = wanted
        has_header = self.confluent_id is not None

        def decode(raw: bytes) -> Any:
            stream = io.BytesIO(raw)
            try:
                writer = _writer_of(stream.read(_HEADER.size), writers) if has_header else wanted
                value = read(stream, writer, None if writer is wanted else wanted)
                left = len(raw) - stream.tell()
                if left:
                    raise NotReadableError(f"{left:,} bytes are left: it has another schema")
                return value if record is Any else msgspec.convert(value, record)
            except (NotReadableError, msgspec.ValidationError):
                raise
            except Exception as error:  # of many kinds, for bytes of any kind
                raise NotReadableError(
                    f"it is not of the schema: {type(error).__name__}: {error}"
                ) from error

        return decode

    def encoder(self, sink: str) -> Encode:
        """See `Codec.encoder`."""
        write = imported("fastavro", extra=EXTRA, owner="Avro").schemaless_writer
        schema = self._parsed(self.schema)
        number = self.confluent_id
        header = b"" if number is None else _HEADER.pack(0, number)

        def encode(values: list[Any]) -> list[bytes]:
            made = []
            for value in values:
                stream = io.BytesIO()
                stream.write(header)
                try:
                    write(stream, schema, plain_of(value), strict_allow_default=True)
                except Exception as error:  # of many kinds
                    raise ApplicationError(
                        f"sink {sink!r} cannot write a record as Avro: {error}\n"
                        f"  record: {value!r:.200}"
                    ) from error
                made.append(stream.getvalue())
            return made

        return encode


def _writer_of(header: bytes, writers: Mapping[int, Any]) -> Any:
    if len(header) < _HEADER.size or header[0] != 0:
        raise NotReadableError("it has no header of Confluent's clients: leave confluent_id= out")
    _, number = _HEADER.unpack(header)
    if number not in writers:
        known = ", ".join(map(str, sorted(writers)))
        raise NotReadableError(
            f"its schema has the ID {number}, known are {known}: say older={{{number}: SCHEMA}}"
        )
    return writers[number]
