"""What a job is built from."""

from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from wallarood.app.connector import AllCopied, Copied
from wallarood.flow.compile import Segment
from wallarood.flow.steps.timed import Wall
from wallarood.model.checkpoint import CheckpointPart, Restored
from wallarood.model.ids import ClusterId, WorkerName
from wallarood.model.pipeline import (
    Application,
)
from wallarood.model.topology import Edge
from wallarood.runtime.dataflow.build.wiring import Wiring
from wallarood.runtime.dataflow.counters import Stopwatch
from wallarood.runtime.dataflow.gate import Gate
from wallarood.runtime.dataflow.limits import (
    JobLimits,
)
from wallarood.runtime.dataflow.outputs import Port
from wallarood.runtime.timing.clock import wall_clock
from wallarood.wire.records.codec import RecordCodec

MakePort = Callable[[Edge, WorkerName, Stopwatch], Port]
"""Of an edge, a worker, and what measures how long the port waits for room."""


@attrs.frozen
class Reporting:
    """What the job tells its worker while a checkpoint is collected; see `PartCollector`."""

    on_moved: Callable[[], None]
    on_done: Callable[[CheckpointPart], None]
    on_slow: Callable[[], None]


@attrs.frozen
class Plan:
    """What a job is built from. `cluster_path` is where connectors keep things.

    `life` names this life of the worker; `line` is the round's.
    """

    application: Application
    wiring: Wiring
    cluster_id: ClusterId
    cluster_path: Path
    life: str
    line: int
    restored: Restored
    gate: Gate
    limits: JobLimits
    remote_port: MakePort
    codecs: Mapping[int, RecordCodec]
    reporting: Reporting
    wall: Wall = wall_clock
    copied: Copied | None = None
    """What sources wait for before they acknowledge; None: nothing is copied."""
    all_copied: AllCopied | None = None
    """What sinks wait for before they rely on what they have removed; None: nothing is copied."""
    segments: Mapping[int, tuple[Segment, ...]] | None = None
    """Those of each stage, by `compile_stages`; None: they are compiled as the job is built."""
