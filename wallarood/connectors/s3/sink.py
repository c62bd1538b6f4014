"""A sink that writes objects of S3: lines or Parquet, each object whole and once."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import attrs
import trio

from wallarood.app.connector import SinkContext
from wallarood.connectors.content.body import PartFormat, PartOptions
from wallarood.connectors.parquet.options import Compression, ParquetOptions
from wallarood.connectors.s3.bucket import Bucket, bucket_of, check_obstore
from wallarood.connectors.s3.put import check_bucket
from wallarood.connectors.s3.writer import PART_BYTES, ObjectPlace, S3SinkWriter, check_parts
from wallarood.connectors.spool.sink import SPOOL_BYTES_MAX
from wallarood.connectors.text import LineOptions, Nan
from wallarood.model.errors import ApplicationError


@attrs.frozen(init=False)
class S3Sink:
    """Writes objects below a prefix of S3, for each checkpoint one or a few, whole and once.

    *url* is ``s3://BUCKET/PREFIX/``. Needs ``pip install 'wallarood[s3]'``. `format` is "json"
    (default), "csv", "tsv", "lines" or "parquet"; `header`, `delimiter`, `nan`, and for Parquet
    `record`, `columns`, `schema` and `compression` are those of `FileSink`. *endpoint*, *region*,
    *secrets*, *settings* and *ca_file* are those of `S3Source`.

    An object is called ``PREFIX/STEP@WORKER-INSTANCE-CLUSTER.NUMBER.EXT``. It appears when its
    checkpoint is committed. A checkpoint that has more than *part_bytes* (default 128 MiB) for an
    instance makes several. Until the server has them, they are kept in the state directory, up to
    *spool_bytes_max* (default 1 GiB for each instance); then sources pause.

    Guarantee: exactly once. An object is put only if none has its name (``If-None-Match``), which
    the server must heed, and the same bytes get the same name after every crash. A reader that
    removes an object in the moment in which the worker that has put it dies may see it once more.

    >>> import wallarood as w
    >>> sink = w.S3Sink("s3://results/counts/", endpoint="http://127.0.0.1:9000")
    """

    for_heirs: ClassVar[bool] = True

    bucket: Bucket
    options: PartOptions
    part_bytes: int
    spool_bytes_max: int

    def __init__(
        self,
        url: str,
        *,
        format: PartFormat = "json",
        header: bool | Sequence[str] | None = None,
        delimiter: str = ",",
        nan: Nan = "null",
        record: Any = None,
        columns: Sequence[str] | None = None,
        schema: Any = None,
        compression: Compression = "zstd",
        endpoint: str | None = None,
        region: str | None = None,
        secrets: Mapping[str, str] | None = None,
        settings: Mapping[str, Any] | None = None,
        ca_file: str | None = None,
        part_bytes: int = PART_BYTES,
        spool_bytes_max: int = SPOOL_BYTES_MAX,
    ) -> None:
        bucket = bucket_of(
            "S3Sink",
            url,
            endpoint=endpoint,
            region=region,
            secrets=secrets,
            settings=settings,
            ca_file=ca_file,
        )
        lines = LineOptions(header, delimiter, nan)
        parquet = ParquetOptions(record, columns, schema, compression)
        options = PartOptions(format, lines, parquet)
        options.check("S3Sink")
        for name, value in (("part_bytes", part_bytes), ("spool_bytes_max", spool_bytes_max)):
            if value < 1:
                raise ApplicationError(f"S3Sink: {name}={value}: expected 1 or more")
        self.__attrs_init__(bucket, options, part_bytes, spool_bytes_max)

    @property
    def server(self) -> str:
        """What messages call the server."""
        return str(self.bucket)

    async def open(self, context: SinkContext, state: Any) -> S3SinkWriter:
        """See `Sink.open`. Connects when there is something to put.

        Raises CannotCreateError: its directory cannot be made. Raises ApplicationError: it is not
        in a cluster, or a library is missing.
        """
        if not context.directory:
            raise ApplicationError(f"sink {context.step!r} needs a state directory for its objects")
        check_obstore()
        place = ObjectPlace.of(state).in_line(context.line)
        body = self.options.body("S3Sink", context.step, place.kept)
        writer = S3SinkWriter(
            self.bucket,
            Path(context.directory),
            context,
            self.options.suffix,
            place,
            body,
            self.part_bytes,
            self.spool_bytes_max,
        )
        await trio.to_thread.run_sync(writer.begin, ObjectPlace.of(state))
        return writer

    verify = staticmethod(check_parts)

    def check(self) -> None:
        """Raises ApplicationError: a library is missing."""
        check_obstore()
        self.options.check_there()

    async def check_connected(self) -> None:
        """Raises WallaroodError: the bucket cannot be used. Changes nothing there."""
        await trio.to_thread.run_sync(check_bucket, self.bucket)
