"""A source of objects of S3: lines, JSON, CSV or Parquet, one object after the other."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, Literal, TypedDict, TypeVar, Unpack, overload

import attrs
import trio
import typing_extensions

from wallarood.app.connector import Scope, SourceContext, SourceLimits, SourceReader
from wallarood.app.functions.declared import OnError
from wallarood.app.functions.declaring import policy_of
from wallarood.connectors.objects.reader import ObjectsReader
from wallarood.connectors.objects.shelf import lane_of, lanes
from wallarood.connectors.parquet.arrow import check_arrow
from wallarood.connectors.parse.options import (
    FILES,
    CsvOptions,
    Format,
    FormatOptions,
    JsonOptions,
    ParquetOptions,
    TextOptions,
    format_of,
)
from wallarood.connectors.s3.bucket import Bucket, bucket_of, check_obstore
from wallarood.connectors.s3.objects import BucketShelf
from wallarood.model.errors import ApplicationError
from wallarood.model.pipeline import ErrorPolicy

T = TypeVar("T")
T_co = typing_extensions.TypeVar("T_co", covariant=True, default=Any)

LOOK_S = 10.0
READERS_MAX = 1000


class ReadBucket(TypedDict, total=False):
    """What an `S3Source` may be told about the bucket, whatever the format."""

    suffix: str
    readers: int
    follow: bool
    look_s: float
    on_error: OnError
    endpoint: str | None
    region: str | None
    secrets: Mapping[str, str] | None
    settings: Mapping[str, Any] | None
    ca_file: str | None


class ReadText(ReadBucket, TextOptions, total=False):
    """The same and the format "lines" or "bytes"."""


class ReadJson(ReadBucket, JsonOptions, total=False):
    """The same and the format "json"."""


class ReadCsv(ReadBucket, CsvOptions, total=False):
    """The same and the format "csv"."""


class ReadParquet(ReadBucket, ParquetOptions, total=False):
    """The same and the format "parquet"."""


@attrs.frozen(init=False)
class S3Source(Generic[T_co]):
    """The records of all objects below a prefix of S3, in the order of their keys.

    *url* is ``s3://BUCKET/PREFIX/``. Keys that do not end in *suffix* are left out, and names that
    begin with a dot, or with Parquet an underscore. Needs ``pip install 'wallarood[s3]'``. `format`
    and its options are those of `FileSource`: "lines", "bytes", "json", "csv", or "parquet";
    objects may be compressed. New objects are looked for every *look_s* seconds (default 10), and
    found whatever their keys; what is there at one time is read in order. With ``follow=False`` the
    source ends with what is there. With *readers*, the objects are dealt to so many partitions by
    their keys, which several workers may read; each is in order.

    Credentials are those of the environment (``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``,
    ``AWS_SESSION_TOKEN``, or what the host or container has), or stand in the files that *secrets*
    names: ``{"access_key_id": FILE, "secret_access_key": FILE}``. *endpoint* is the URL of another
    server than that of AWS, *ca_file* its certificates, *region* the bucket's; *settings* are those
    of ``obstore.store.S3Store``.

    Guarantee: exactly once, of objects that stay what they are. One that was read in part and is
    gone or replaced, and one that was read and is replaced, stop the source. One that was read may
    be removed. A position has 12 bytes for each object that was read and is still there.

    >>> import wallarood as w
    >>> hits = w.source("hits", w.S3Source("s3://logs/hits/", format="json", region="eu-west-1"))
    """

    bucket: Bucket
    form: Format
    suffix: str
    readers: int
    follow: bool
    look_s: float
    on_error: OnError
    scope: Scope = Scope.SHARED

    @overload
    def __init__(
        self: "S3Source[str]",
        url: str,
        *,
        format: Literal["lines"] = "lines",
        **options: Unpack[ReadText],
    ) -> None: ...
    @overload
    def __init__(
        self: "S3Source[bytes]",
        url: str,
        *,
        format: Literal["bytes"],
        **options: Unpack[ReadText],
    ) -> None: ...
    @overload
    def __init__(
        self: "S3Source[T]",
        url: str,
        *,
        format: Literal["json"],
        record: type[T],
        **options: Unpack[ReadJson],
    ) -> None: ...
    @overload
    def __init__(
        self: "S3Source[T]",
        url: str,
        *,
        format: Literal["csv"],
        record: type[T],
        **options: Unpack[ReadCsv],
    ) -> None: ...
    @overload
    def __init__(
        self: "S3Source[T]",
        url: str,
        *,
        format: Literal["parquet"],
        record: type[T],
        **options: Unpack[ReadParquet],
    ) -> None: ...
    @overload
    def __init__(
        self: "S3Source[Any]",
        url: str,
        *,
        format: Literal["json"],
        record: Any = ...,
        **options: Unpack[ReadJson],
    ) -> None: ...
    @overload
    def __init__(
        self: "S3Source[Any]",
        url: str,
        *,
        format: Literal["csv"],
        record: Any = ...,
        **options: Unpack[ReadCsv],
    ) -> None: ...
    @overload
    def __init__(
        self: "S3Source[Any]",
        url: str,
        *,
        format: Literal["parquet"],
        record: Any = ...,
        **options: Unpack[ReadParquet],
    ) -> None: ...
    def __init__(
        self,
        url: str,
        *,
        suffix: str = "",
        readers: int = 1,
        follow: bool = True,
        look_s: float = LOOK_S,
        on_error: OnError = "stop",
        endpoint: str | None = None,
        region: str | None = None,
        secrets: Mapping[str, str] | None = None,
        settings: Mapping[str, Any] | None = None,
        ca_file: str | None = None,
        **options: Unpack[FormatOptions],
    ) -> None:
        bucket = bucket_of(
            "S3Source",
            url,
            endpoint=endpoint,
            region=region,
            secrets=secrets,
            settings=settings,
            ca_file=ca_file,
        )
        if not isinstance(readers, int) or not 1 <= readers <= READERS_MAX:
            raise ApplicationError(f"S3Source: readers={readers!r}: expected 1 to {READERS_MAX:,}")
        if not look_s > 0:
            raise ApplicationError(f"S3Source: look_s={look_s!r}: expected more than 0")
        policy_of(on_error)
        form = format_of("S3Source", options, known=FILES)
        self.__attrs_init__(bucket, form, suffix, readers, follow, look_s, on_error)

    @property
    def record(self) -> Any:
        """The type of the records."""
        return self.form.record

    @property
    def bounded(self) -> bool:
        """See `Source.bounded`."""
        return not self.follow

    makes_plain = property(lambda self: self.form.makes_plain)
    """See `Format.makes_plain`."""

    @property
    def _name(self) -> str:
        return self.bucket.url(self.bucket.prefix)

    def partitions(self) -> Sequence[str]:
        """See `Source.partitions`."""
        return lanes(self._name, self.readers)

    def size_bytes(self, partition: str) -> int | None:  # noqa: ARG002
        """See `Source.size_bytes`."""
        return None

    async def open(
        self, partition: str, position: Any, context: SourceContext
    ) -> SourceReader[T_co]:
        """See `Source.open`. See `ObjectsReader` for a position."""
        return ObjectsReader(
            self._shelf(context.limits),
            lane_of(partition, self._name),
            follow=self.follow,
            look_s=self.look_s,
            position=position,
        )

    def _shelf(self, limits: SourceLimits) -> BucketShelf:
        stops = policy_of(self.on_error) is ErrorPolicy.STOP
        return BucketShelf(self.bucket, self.form, self.suffix, limits, stops)

    def check(self) -> None:
        """Raises ApplicationError: a library is missing."""
        check_obstore()
        if self.form.format == "parquet":
            check_arrow()

    async def check_connected(self) -> None:
        """Raises WallaroodError: the bucket cannot be listed. Changes nothing there."""
        await trio.to_thread.run_sync(self._shelf(SourceLimits()).check)
