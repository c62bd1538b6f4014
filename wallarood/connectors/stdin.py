"""A source that reads standard input."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, Literal, TypedDict, TypeVar, Unpack, overload

import attrs
import typing_extensions

from wallarood.app.connector import Scope, SourceContext, SourceReader
from wallarood.app.functions.declared import OnError
from wallarood.app.functions.declaring import policy_of
from wallarood.connectors.file.stream import (
    JOURNAL_BYTES_MAX,
    STDIN,
    StreamInput,
    is_another,
    open_stream,
)
from wallarood.connectors.journal.files import check_journals
from wallarood.connectors.parse.options import (
    CsvOptions,
    Format,
    FormatOptions,
    JsonOptions,
    TextOptions,
    format_of,
)
from wallarood.model.errors import ApplicationError
from wallarood.model.pipeline import ErrorPolicy

T = TypeVar("T")
T_co = typing_extensions.TypeVar("T_co", covariant=True, default=Any)


class PipeOptions(TypedDict, total=False):
    """What a `StdinSource` may be told, whatever the format."""

    on_error: OnError
    journal_bytes_max: int


class PipeText(PipeOptions, TextOptions, total=False):
    """The same and the format "lines" or "bytes"."""


class PipeJson(PipeOptions, JsonOptions, total=False):
    """The same and the format "json"."""


class PipeCsv(PipeOptions, CsvOptions, total=False):
    """The same and the format "csv"."""


@attrs.frozen(init=False)
class StdinSource(Generic[T_co]):
    """The records of standard input, up to its end. Formats and `on_error` are as for `FileSource`.

    What was read is journalled in the state directory, which takes up to `journal_bytes_max`
    (default 256 MiB), until a checkpoint no longer needs it. One worker reads; in a cluster of
    several it is the one that the topology says. A job that is started again with the state of the
    former one, by ``--cluster-id auto``, reads the standard input that it has then.

    Guarantee: at most once up to the journal: what was still in the pipe when the worker died is
    lost. What was journalled is counted exactly once.

    >>> import wallarood as w
    >>> lines = w.source("lines", w.StdinSource())
    """

    form: Format
    on_error: OnError
    journal_bytes_max: int
    scope: Scope = Scope.SHARED
    bounded: bool = True

    @overload
    def __init__(
        self: "StdinSource[str]",
        *,
        format: Literal["lines"] = "lines",
        **options: Unpack[PipeText],
    ) -> None: ...
    @overload
    def __init__(
        self: "StdinSource[bytes]", *, format: Literal["bytes"], **options: Unpack[PipeText]
    ) -> None: ...
    @overload
    def __init__(
        self: "StdinSource[T]",
        *,
        format: Literal["json"],
        record: type[T],
        **options: Unpack[PipeJson],
    ) -> None: ...
    @overload
    def __init__(
        self: "StdinSource[T]",
        *,
        format: Literal["csv"],
        record: type[T],
        **options: Unpack[PipeCsv],
    ) -> None: ...
    @overload
    def __init__(
        self: "StdinSource[Any]",
        *,
        format: Literal["json"],
        record: Any = ...,
        **options: Unpack[PipeJson],
    ) -> None: ...
    @overload
    def __init__(
        self: "StdinSource[Any]",
        *,
        format: Literal["csv"],
        record: Any = ...,
        **options: Unpack[PipeCsv],
    ) -> None: ...
    def __init__(
        self,
        *,
        on_error: OnError = "stop",
        journal_bytes_max: int = JOURNAL_BYTES_MAX,
        **options: Unpack[FormatOptions],
    ) -> None:
        policy_of(on_error)
        form = format_of("StdinSource", options)
        if form.wide:
            raise ApplicationError(
                f"StdinSource: encoding={form.encoding!r} is not read from a pipe: convert it "
                "before, with iconv"
            )
        if journal_bytes_max < 1:
            raise ApplicationError(
                f"StdinSource: journal_bytes_max={journal_bytes_max}: expected 1 or more"
            )
        self.__attrs_init__(form, on_error, journal_bytes_max)

    @property
    def record(self) -> Any:
        """The type of the records."""
        return self.form.record

    makes_plain = property(lambda self: self.form.makes_plain)
    """See `Format.makes_plain`."""

    verify = staticmethod(check_journals)

    def partitions(self) -> Sequence[str]:
        """See `Source.partitions`."""
        return (STDIN,)

    def stays(self, partition: str) -> bool:  # noqa: ARG002
        """See `Source`: its journal is on the disk of its worker."""
        return True

    def size_bytes(self, partition: str) -> int | None:  # noqa: ARG002
        """See `Source.size_bytes`."""
        return None

    def resumable(self, ended: Mapping[str, Any], context: SourceContext) -> set[str]:  # noqa: ARG002
        """The standard input of another process is another one."""
        return set(ended) if is_another(STDIN) else set()

    async def open(
        self,
        partition: str,  # noqa: ARG002
        position: Any,
        context: SourceContext,
    ) -> SourceReader[T_co]:
        """See `Source.open`."""
        stops = policy_of(self.on_error) is ErrorPolicy.STOP
        wanted = StreamInput(STDIN, self.form, stops, journal_bytes_max=self.journal_bytes_max)
        return await open_stream(wanted, position, context)
