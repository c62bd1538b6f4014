"""A stream processor in plain typed Python: ``import wallarood as w``.

>>> import wallarood as w
>>> out: list[str] = []
>>> app = w.application(
...     "shout", w.source("words", w.ListSource(["a", "b"])).map(str.upper).to_sink(w.ListSink(out))
... )
"""

from wallarood.app.aggregations import count, mean
from wallarood.app.aggregations import maximum as max
from wallarood.app.aggregations import minimum as min
from wallarood.app.aggregations import total as sum
from wallarood.app.application import application
from wallarood.app.batches import computation_arrow, state_computation_batch
from wallarood.app.computations import (
    computation,
    computation_batch,
    computation_multi,
    dead_letter,
    state_computation,
    state_computation_multi,
)
from wallarood.app.connector import (
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
from wallarood.app.keyed import CollectedStream, KeyedStream
from wallarood.app.nodes import End
from wallarood.app.pipeline import merge, source
from wallarood.app.setups import Setup, setup
from wallarood.app.stream import Branch, Stream
from wallarood.connectors.file.sink import FileSink
from wallarood.connectors.file.source import FileSource
from wallarood.connectors.generator import GeneratorSource
from wallarood.connectors.memory import ListSink, ListSource
from wallarood.connectors.stdin import StdinSource
from wallarood.connectors.stdout import StdoutSink
from wallarood.connectors.tcp.sink import TcpSink
from wallarood.connectors.tcp.source import LineTcpSource, TcpSource
from wallarood.model.aggregation import Aggregation
from wallarood.model.errors import ApplicationError, PipelineError, WallaroodError
from wallarood.model.pipeline import Application, DeadLetter

__version__ = "0.1.0"

__all__ = [
    "Aggregation",
    "Application",
    "ApplicationError",
    "Branch",
    "CollectedStream",
    "DeadLetter",
    "End",
    "FileSink",
    "FileSource",
    "GeneratorSource",
    "KeyedStream",
    "LineTcpSource",
    "ListSink",
    "ListSource",
    "PipelineError",
    "Scope",
    "Setup",
    "Sink",
    "SinkContext",
    "SinkWriter",
    "Source",
    "SourceBatch",
    "SourceContext",
    "SourceLimits",
    "SourceReader",
    "StdinSource",
    "StdoutSink",
    "Stream",
    "TcpSink",
    "TcpSource",
    "Unreadable",
    "WallaroodError",
    "application",
    "computation",
    "computation_arrow",
    "computation_batch",
    "computation_multi",
    "count",
    "dead_letter",
    "max",
    "mean",
    "merge",
    "min",
    "setup",
    "source",
    "state_computation",
    "state_computation_batch",
    "state_computation_multi",
    "sum",
]
