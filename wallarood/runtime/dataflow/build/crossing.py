"""What records need where they leave a stage: codecs, guards and copiers."""

from collections.abc import Iterable, Mapping
from typing import Any

from wallarood.flow.guard import Guard, maker_of
from wallarood.model.pipeline import (
    LATE_OUTPUT,
    SIDE_OUTPUTS,
    Application,
    Computation,
    Step,
    StepKind,
)
from wallarood.model.topology import Edge, Routing, Stage, StageKind, Topology
from wallarood.wire.copies import Copier
from wallarood.wire.records.codec import RecordCodec
from wallarood.wire.records.untyped import PickleRule


def codecs_of(
    application: Application, topology: Topology, *, rule: PickleRule
) -> dict[int, RecordCodec]:
    """A codec for each edge that may cross between workers, also if there is only one yet.

    Raises ApplicationError: records would have to be pickled, and *rule* forbids it.
    """
    codecs = {}
    for edge in topology.edges:
        if edge.routing is not Routing.FORWARD:
            made = maker_of(application, topology.stages[edge.source])
            what = "source" if made.kind is StepKind.SOURCE else "computation"
            maker = f"{what} {made.name!r} ({made.where})"
            record = _record_on(application, edge)
            codecs[edge.index] = RecordCodec.for_types(record, rule=rule, maker=maker)
    return codecs


def _record_on(application: Application, edge: Edge) -> Any:
    """The type of the records that *edge* carries; late ones are those that the step gets."""
    step = application.step(edge.origin)
    if edge.output == LATE_OUTPUT and isinstance(step.computation, Computation):
        return step.computation.input
    return step.record


def guards_of(
    application: Application,
    stage: Stage,
    *,
    codecs: Mapping[int, RecordCodec],
    edges: Iterable[Edge],
) -> dict[int, Guard]:
    """A guard for each output of *stage* from which records may cross, by *edges*."""
    maker = maker_of(application, stage)
    crossing = {edge.output: codecs[edge.index] for edge in edges if edge.index in codecs}
    return {
        output: Guard(codec, maker, _is_sure(maker, codec))
        for output, codec in crossing.items()
        if output not in SIDE_OUTPUTS
    }


def _is_sure(maker: Step, codec: RecordCodec) -> bool:
    """Whether *maker* is a source that makes what can be sent, if no later step changes it."""
    plain = maker.kind is StepKind.SOURCE and getattr(maker.connector, "makes_plain", False)
    return plain and codec.pickle is PickleRule.ALLOWED


def copiers_of(application: Application, topology: Topology, stage: Stage) -> dict[int, Copier]:
    """A copier for each output of *stage* that is used twice, unless by sinks alone."""
    used: dict[int, list[Edge]] = {}
    for edge in topology.edges:
        if edge.source == stage.index and edge.output not in SIDE_OUTPUTS:
            used.setdefault(edge.output, []).append(edge)
    return {
        output: Copier.for_type(application.step(edges[0].origin).record)
        for output, edges in used.items()
        if len(edges) > 1
        and any(topology.stages[edge.target].kind is not StageKind.SINK for edge in edges)
    }
