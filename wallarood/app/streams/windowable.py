"""How a stream with keys becomes one whose records are gathered in windows."""

from typing import Any, Generic, Literal, TypeVar

from wallarood.app.functions.declared import DeadLetterTo, OnError
from wallarood.app.mistakes import mistake
from wallarood.app.spans import Span, span_us
from wallarood.app.streams.nodes import Node, need_time, refuse_corrections
from wallarood.app.streams.windowed import WindowedStream
from wallarood.app.windows import Every
from wallarood.model.pipeline import ErrorPolicy
from wallarood.model.timing.windows import (
    Emit,
    Gathers,
    WindowKind,
    Windows,
    WindowSpec,
)

K_co = TypeVar("K_co", covariant=True)
T_co = TypeVar("T_co", covariant=True)


class Windowable(Generic[K_co, T_co]):
    """What `KeyedStream` has of windows."""

    __slots__ = ()

    _at: Any

    def window(
        self,
        windows: Windows,
        *,
        grace: Span = "0s",
        on_late: OnError = "skip",
        emit: "Literal['closed', 'updates'] | Every" = "closed",
        corrections: bool = False,
    ) -> WindowedStream[K_co, T_co]:
        """Gather the records of each key in *windows*: `tumbling`, `hopping`, `session` and so on.

        A window closes when the watermark reaches its end, and says what it holds; records that
        come up to *grace* later correct that, those that come later still are left to *on_late*:
        "skip" (default: counted and logged), "stop", or a `dead_letter`; or see
        `WindowedStream.late`. *emit* says when there are results besides: after each batch
        ("updates"), or of what has changed ``w.every("1s")``. The last result of a key and `start`
        counts. So behind windows with *grace* or such results others would count a record twice:
        they refuse it, unless they are told *corrections*.

        Raises PipelineError: the stream has no event time, or an argument is wrong.

        >>> import wallarood as w
        >>> clicks = w.source("clicks", w.ListSource(["a", "b"], record=str), time=w.ingest_time())
        >>> windows = clicks.key_by(str).window(w.tumbling("1min"), grace="10min")
        """
        node: Node = self._at.node
        if not isinstance(windows, Windows):
            raise mistake(
                f"window: expected windows such as w.tumbling('1min'), found {windows!r:.100}"
            )
        counted = windows.kind is WindowKind.COUNT
        if not counted:
            need_time(node, f"window: {windows.shown}")
        if not corrections:
            refuse_corrections(node, f"window: {windows.shown}")
        kind, span = _emit(emit)
        spec = WindowSpec(
            windows,
            Gathers.COLLECT,
            span_us(grace, "window: grace", least=0),
            _late_policy(on_late),
            kind,
            span,
            stamped=node.stamped,
        )
        if counted and spec.grace:
            raise mistake(f"window: {windows.shown} counts records: none is late, take grace= away")
        if kind is not Emit.CLOSED and (counted or windows.kind is WindowKind.ROLLING):
            raise mistake(
                f"window: {windows.shown} says everything once: emit={emit!r} is for windows of "
                "other kinds"
            )
        return WindowedStream(self._at, spec, on_late)


def _emit(emit: Any) -> tuple[Emit, int]:
    if isinstance(emit, Every):
        return Emit.EVERY, emit.span
    if isinstance(emit, str) and emit in ("closed", "updates"):
        return Emit(emit), 0
    raise mistake(
        f"window: emit={emit!r:.100}: expected 'closed', 'updates' or w.every(…) of wall time"
    )


def _late_policy(on_late: Any) -> ErrorPolicy:
    if isinstance(on_late, DeadLetterTo):
        return ErrorPolicy.DEAD_LETTER
    if isinstance(on_late, str) and on_late in ("stop", "skip"):
        return ErrorPolicy(on_late)
    raise mistake(f"window: on_late={on_late!r:.100}: expected 'skip', 'stop' or w.dead_letter(…)")
