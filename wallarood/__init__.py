"""A stream processor in plain typed Python: ``import wallarood as w``.

>>> import wallarood as w
>>> out: list[str] = []
>>> app = w.application(
...     "shout", w.source("words", w.ListSource(["a", "b"])).map(str.upper).to_sink(w.ListSink(out))
... )
"""

import importlib

TYPE_CHECKING = False  # without `typing`: this module is imported twice in a start
if TYPE_CHECKING:
    from typing import Any

    from wallarood.app.aggregations import count, mean
    from wallarood.app.aggregations import maximum as max
    from wallarood.app.aggregations import minimum as min
    from wallarood.app.aggregations import total as sum
    from wallarood.app.application import application
    from wallarood.app.connector import (
        Discovering,
        Located,
        Scope,
        Sink,
        SinkContext,
        SinkWriter,
        Source,
        SourceBatch,
        SourceContext,
        SourceLimits,
        SourceReader,
        Unreadable,
    )
    from wallarood.app.forever import Forever, forever
    from wallarood.app.functions.batches import computation_arrow, state_computation_batch
    from wallarood.app.functions.computations import (
        computation,
        computation_batch,
        computation_multi,
        dead_letter,
        state_computation,
        state_computation_multi,
    )
    from wallarood.app.functions.timed import Timers, state_computation_timed
    from wallarood.app.pipeline import merge, source
    from wallarood.app.setups import Setup, setup
    from wallarood.app.statistics import (
        collect,
        distinct_count,
        first,
        last,
        quantile,
        stddev,
        top,
        variance,
    )
    from wallarood.app.streams.collected import CollectedStream
    from wallarood.app.streams.joining.joinable import table
    from wallarood.app.streams.joining.joins import Table
    from wallarood.app.streams.keyed import KeyedStream
    from wallarood.app.streams.nodes import End
    from wallarood.app.streams.options import Branch
    from wallarood.app.streams.stream import Stream
    from wallarood.app.streams.windowed import WindowedStream
    from wallarood.app.time import Time, event_time, ingest_time
    from wallarood.app.windows import (
        Every,
        calendar,
        count_window,
        every,
        hopping,
        rolling,
        session,
        tumbling,
    )
    from wallarood.connectors.file.sink import FileSink
    from wallarood.connectors.file.source import FileSource
    from wallarood.connectors.generator import GeneratorSource
    from wallarood.connectors.kafka.message import KafkaMessage
    from wallarood.connectors.kafka.sink import KafkaSink
    from wallarood.connectors.kafka.source import KafkaSource
    from wallarood.connectors.memory import ListSink, ListSource
    from wallarood.connectors.postgres.sink import PostgresSink
    from wallarood.connectors.redis.sink import RedisHashSink, RedisSink
    from wallarood.connectors.redis.source import RedisSource
    from wallarood.connectors.spool.sink import SpooledSink
    from wallarood.connectors.spool.target import Marker, MarkerMovedError, Target
    from wallarood.connectors.sqlite.sink import SqliteSink
    from wallarood.connectors.sqlite.source import SqliteSource
    from wallarood.connectors.stdin import StdinSource
    from wallarood.connectors.stdout import StdoutSink
    from wallarood.connectors.tcp.sink import TcpSink
    from wallarood.connectors.tcp.source import LineTcpSource, TcpSource
    from wallarood.model.aggregation import Aggregation
    from wallarood.model.errors import (
        ApplicationError,
        PipelineError,
        PositionGoneError,
        ServerAwayError,
        WallaroodError,
    )
    from wallarood.model.pipeline import Application, DeadLetter
    from wallarood.model.timing.windows import Windowed, Windows

__version__ = "0.1.0"

__all__ = [
    "Aggregation",
    "Application",
    "ApplicationError",
    "Branch",
    "CollectedStream",
    "DeadLetter",
    "Discovering",
    "End",
    "Every",
    "FileSink",
    "FileSource",
    "Forever",
    "GeneratorSource",
    "KafkaMessage",
    "KafkaSink",
    "KafkaSource",
    "KeyedStream",
    "LineTcpSource",
    "ListSink",
    "ListSource",
    "Located",
    "Marker",
    "MarkerMovedError",
    "PipelineError",
    "PositionGoneError",
    "PostgresSink",
    "RedisHashSink",
    "RedisSink",
    "RedisSource",
    "Scope",
    "ServerAwayError",
    "Setup",
    "Sink",
    "SinkContext",
    "SinkWriter",
    "Source",
    "SourceBatch",
    "SourceContext",
    "SourceLimits",
    "SourceReader",
    "SpooledSink",
    "SqliteSink",
    "SqliteSource",
    "StdinSource",
    "StdoutSink",
    "Stream",
    "Table",
    "Target",
    "TcpSink",
    "TcpSource",
    "Time",
    "Timers",
    "Unreadable",
    "WallaroodError",
    "Windowed",
    "WindowedStream",
    "Windows",
    "application",
    "calendar",
    "collect",
    "computation",
    "computation_arrow",
    "computation_batch",
    "computation_multi",
    "count",
    "count_window",
    "dead_letter",
    "distinct_count",
    "event_time",
    "every",
    "first",
    "forever",
    "hopping",
    "ingest_time",
    "last",
    "max",
    "mean",
    "merge",
    "min",
    "quantile",
    "rolling",
    "session",
    "setup",
    "source",
    "state_computation",
    "state_computation_batch",
    "state_computation_multi",
    "state_computation_timed",
    "stddev",
    "sum",
    "table",
    "top",
    "tumbling",
    "variance",
]

_WHERE = {
    "Aggregation": "wallarood.model.aggregation",
    "Application": "wallarood.model.pipeline",
    "ApplicationError": "wallarood.model.errors",
    "Branch": "wallarood.app.streams.options",
    "CollectedStream": "wallarood.app.streams.collected",
    "DeadLetter": "wallarood.model.pipeline",
    "Discovering": "wallarood.app.connector",
    "End": "wallarood.app.streams.nodes",
    "Every": "wallarood.app.windows",
    "FileSink": "wallarood.connectors.file.sink",
    "FileSource": "wallarood.connectors.file.source",
    "Forever": "wallarood.app.forever",
    "GeneratorSource": "wallarood.connectors.generator",
    "KafkaMessage": "wallarood.connectors.kafka.message",
    "KafkaSink": "wallarood.connectors.kafka.sink",
    "KafkaSource": "wallarood.connectors.kafka.source",
    "KeyedStream": "wallarood.app.streams.keyed",
    "LineTcpSource": "wallarood.connectors.tcp.source",
    "ListSink": "wallarood.connectors.memory",
    "ListSource": "wallarood.connectors.memory",
    "Located": "wallarood.app.connector",
    "Marker": "wallarood.connectors.spool.target",
    "MarkerMovedError": "wallarood.connectors.spool.target",
    "PipelineError": "wallarood.model.errors",
    "PositionGoneError": "wallarood.model.errors",
    "PostgresSink": "wallarood.connectors.postgres.sink",
    "RedisHashSink": "wallarood.connectors.redis.sink",
    "RedisSink": "wallarood.connectors.redis.sink",
    "RedisSource": "wallarood.connectors.redis.source",
    "Scope": "wallarood.app.connector",
    "ServerAwayError": "wallarood.model.errors",
    "Setup": "wallarood.app.setups",
    "Sink": "wallarood.app.connector",
    "SinkContext": "wallarood.app.connector",
    "SinkWriter": "wallarood.app.connector",
    "Source": "wallarood.app.connector",
    "SourceBatch": "wallarood.app.connector",
    "SourceContext": "wallarood.app.connector",
    "SourceLimits": "wallarood.app.connector",
    "SourceReader": "wallarood.app.connector",
    "SpooledSink": "wallarood.connectors.spool.sink",
    "SqliteSink": "wallarood.connectors.sqlite.sink",
    "SqliteSource": "wallarood.connectors.sqlite.source",
    "StdinSource": "wallarood.connectors.stdin",
    "StdoutSink": "wallarood.connectors.stdout",
    "Stream": "wallarood.app.streams.stream",
    "Table": "wallarood.app.streams.joining.joins",
    "Target": "wallarood.connectors.spool.target",
    "TcpSink": "wallarood.connectors.tcp.sink",
    "TcpSource": "wallarood.connectors.tcp.source",
    "Time": "wallarood.app.time",
    "Timers": "wallarood.app.functions.timed",
    "Unreadable": "wallarood.app.connector",
    "WallaroodError": "wallarood.model.errors",
    "Windowed": "wallarood.model.timing.windows",
    "WindowedStream": "wallarood.app.streams.windowed",
    "Windows": "wallarood.model.timing.windows",
    "application": "wallarood.app.application",
    "calendar": "wallarood.app.windows",
    "collect": "wallarood.app.statistics",
    "computation": "wallarood.app.functions.computations",
    "computation_arrow": "wallarood.app.functions.batches",
    "computation_batch": "wallarood.app.functions.computations",
    "computation_multi": "wallarood.app.functions.computations",
    "count": "wallarood.app.aggregations",
    "count_window": "wallarood.app.windows",
    "dead_letter": "wallarood.app.functions.computations",
    "distinct_count": "wallarood.app.statistics",
    "event_time": "wallarood.app.time",
    "every": "wallarood.app.windows",
    "first": "wallarood.app.statistics",
    "forever": "wallarood.app.forever",
    "hopping": "wallarood.app.windows",
    "ingest_time": "wallarood.app.time",
    "last": "wallarood.app.statistics",
    "max": "wallarood.app.aggregations:maximum",
    "mean": "wallarood.app.aggregations",
    "merge": "wallarood.app.pipeline",
    "min": "wallarood.app.aggregations:minimum",
    "quantile": "wallarood.app.statistics",
    "rolling": "wallarood.app.windows",
    "session": "wallarood.app.windows",
    "setup": "wallarood.app.setups",
    "source": "wallarood.app.pipeline",
    "state_computation": "wallarood.app.functions.computations",
    "state_computation_batch": "wallarood.app.functions.batches",
    "state_computation_multi": "wallarood.app.functions.computations",
    "state_computation_timed": "wallarood.app.functions.timed",
    "stddev": "wallarood.app.statistics",
    "sum": "wallarood.app.aggregations:total",
    "table": "wallarood.app.streams.joining.joinable",
    "top": "wallarood.app.statistics",
    "tumbling": "wallarood.app.windows",
    "variance": "wallarood.app.statistics",
}
"""Where each name is defined; after a colon, what it is called there."""


def __getattr__(name: str) -> "Any":
    """Import a name when it is first used: a command that needs none of them starts at once."""
    module, _, called = _WHERE.get(name, "").partition(":")
    if not module:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(module), called or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
