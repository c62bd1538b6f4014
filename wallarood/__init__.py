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
    from wallarood.connectors.codecs.avro import Avro
    from wallarood.connectors.codecs.protobuf import Protobuf
    from wallarood.connectors.duckdb.sink import DuckdbSink
    from wallarood.connectors.duckdb.source import DuckdbSource
    from wallarood.connectors.file.sink import FileSink
    from wallarood.connectors.file.source import FileSource
    from wallarood.connectors.generator import GeneratorSource
    from wallarood.connectors.http.messages import HttpMessage
    from wallarood.connectors.http.sink import HttpSink
    from wallarood.connectors.http.source import HttpSource
    from wallarood.connectors.kafka.message import KafkaMessage
    from wallarood.connectors.kafka.sink import KafkaSink
    from wallarood.connectors.kafka.source import KafkaSource
    from wallarood.connectors.memory import ListSink, ListSource
    from wallarood.connectors.mqtt.message import MqttMessage
    from wallarood.connectors.mqtt.sink import MqttSink
    from wallarood.connectors.mqtt.source import MqttSource
    from wallarood.connectors.nats.sink import NatsSink
    from wallarood.connectors.nats.source import NatsSource
    from wallarood.connectors.postgres.change import PostgresChange
    from wallarood.connectors.postgres.sink import PostgresSink
    from wallarood.connectors.postgres.source import PostgresSource
    from wallarood.connectors.postgres.table_source import PostgresRow, PostgresTableSource
    from wallarood.connectors.redis.sink import RedisHashSink, RedisSink
    from wallarood.connectors.redis.source import RedisSource
    from wallarood.connectors.s3.sink import S3Sink
    from wallarood.connectors.s3.source import S3Source
    from wallarood.connectors.spool.sink import SpooledSink
    from wallarood.connectors.spool.target import Marker, MarkerMovedError, Target
    from wallarood.connectors.sqlite.sink import SqliteSink
    from wallarood.connectors.sqlite.source import SqliteSource
    from wallarood.connectors.sse.following import SseMessage
    from wallarood.connectors.sse.source import SseSource
    from wallarood.connectors.stdin import StdinSource
    from wallarood.connectors.stdout import StdoutSink
    from wallarood.connectors.tcp.sink import TcpSink
    from wallarood.connectors.tcp.source import LineTcpSource, TcpSource
    from wallarood.connectors.websocket.source import WebSocketSource
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
    "Aggregation", "Application", "ApplicationError", "Avro", "Branch", "CollectedStream",
    "DeadLetter", "Discovering", "DuckdbSink", "DuckdbSource", "End", "Every", "FileSink",
    "FileSource", "Forever", "GeneratorSource", "HttpMessage", "HttpSink", "HttpSource",
    "KafkaMessage", "KafkaSink", "KafkaSource", "KeyedStream", "LineTcpSource", "ListSink",
    "ListSource", "Located", "Marker", "MarkerMovedError", "MqttMessage", "MqttSink",
    "MqttSource", "NatsSink", "NatsSource", "PipelineError", "PositionGoneError",
    "PostgresChange", "PostgresRow", "PostgresSink", "PostgresSource", "PostgresTableSource",
    "Protobuf", "RedisHashSink", "RedisSink", "RedisSource", "S3Sink", "S3Source", "Scope",
    "ServerAwayError", "Setup", "Sink", "SinkContext", "SinkWriter", "Source", "SourceBatch",
    "SourceContext", "SourceLimits", "SourceReader", "SpooledSink", "SqliteSink", "SqliteSource",
    "SseMessage", "SseSource", "StdinSource", "StdoutSink", "Stream", "Table", "Target",
    "TcpSink", "TcpSource", "Time", "Timers", "Unreadable", "WallaroodError", "WebSocketSource",
    "Windowed", "WindowedStream", "Windows", "application", "calendar", "collect", "computation",
    "computation_arrow", "computation_batch", "computation_multi", "count", "count_window",
    "dead_letter", "distinct_count", "event_time", "every", "first", "forever", "hopping",
    "ingest_time", "last", "max", "mean", "merge", "min", "quantile", "rolling", "session",
    "setup", "source", "state_computation", "state_computation_batch", "state_computation_multi",
    "state_computation_timed", "stddev", "sum", "table", "top", "tumbling", "variance",
]  # fmt: skip


def __getattr__(name: str) -> "Any":
    """Import a name when it is first used: a command that needs none of them starts at once."""
    where = importlib.import_module("wallarood.names").WHERE if name in __all__ else {}
    if name not in where:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, called = where[name]
    value = getattr(importlib.import_module(module), called)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
