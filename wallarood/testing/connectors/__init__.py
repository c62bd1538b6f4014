"""Whether a connector keeps its guarantee: what breaks, tried against a server that you start.

`prove_sink` takes a `SinkCase`, and either returns a `Proof`, which prints what was shown, or
raises AssertionError, which says what was found instead. See wallarood-connectors(7).
"""

from wallarood.testing.connectors.cases import SinkCase
from wallarood.testing.connectors.proofs import Proof
from wallarood.testing.connectors.servers import Server, ServerProcess
from wallarood.testing.connectors.sinks import prove_sink

__all__ = ["Proof", "Server", "ServerProcess", "SinkCase", "prove_sink"]
