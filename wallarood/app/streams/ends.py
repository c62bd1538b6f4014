"""Where streams end."""

from typing import Any

from wallarood.app.connector import Sink
from wallarood.app.functions.declaring import check_sink
from wallarood.app.mistakes import mistake
from wallarood.app.streams.nodes import End, connect
from wallarood.app.streams.outlet import kebab
from wallarood.model.pipeline import StepKind


class Ending:
    """What every stream has of sinks."""

    __slots__ = ()

    _at: Any

    def to_sink(self, sink: Sink, *, name: str = "") -> End:
        """End the stream in *sink*.

        >>> import wallarood as w
        >>> end = w.source("words", w.ListSource(["to", "be"])).to_sink(w.StdoutSink())
        """
        check_sink(sink)
        node = self._at.plain(StepKind.SINK, kebab(type(sink).__name__), name)
        node.connector = sink
        return End((connect(node),))

    def to_sinks(self, *sinks: Sink) -> End:
        """End the stream in several sinks; each gets all records.

        >>> import wallarood as w
        >>> words = w.source("words", w.ListSource(["to", "be"]))
        >>> end = words.to_sinks(w.StdoutSink(), w.FileSink("words"))
        """
        if not sinks:
            raise mistake("to_sinks: expected at least one sink")
        for sink in sinks:
            check_sink(sink)
        return End(tuple(node for sink in sinks for node in self.to_sink(sink).nodes))
