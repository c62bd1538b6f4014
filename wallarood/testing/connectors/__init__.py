"""Whether a connector keeps its guarantee: what breaks, tried against a server that you start.

`prove_sink` takes a `SinkCase`, `prove_source` a `SourceCase`, `prove_intake`, for sources that
journal what they are sent, an `IntakeCase`; each returns a `Proof`, which prints what was shown, or
raises AssertionError, which says what was found instead. See wallarood-connectors(7).
"""

from wallarood.testing.connectors.cases import SinkCase
from wallarood.testing.connectors.intakes.cases import IntakeCase
from wallarood.testing.connectors.intakes.keeping import prove_intake
from wallarood.testing.connectors.proofs import Proof
from wallarood.testing.connectors.servers import Server, ServerProcess
from wallarood.testing.connectors.sinks import prove_sink
from wallarood.testing.connectors.source_cases import SourceCase
from wallarood.testing.connectors.sources import prove_source

__all__ = [
    "IntakeCase",
    "Proof",
    "Server",
    "ServerProcess",
    "SinkCase",
    "SourceCase",
    "prove_intake",
    "prove_sink",
    "prove_source",
]
