"""A topology in words, as JSON, and as a graph for Graphviz."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from wallarood.model.pipeline import ERRORS_OUTPUT, LATE_LETTERS_OUTPUT, LATE_OUTPUT
from wallarood.model.topology import Routing, Stage, StageKind, Topology

NOTHING: Final[Mapping[str, str]] = {}


def as_text(
    topology: Topology,
    keeping: Mapping[str, str] = NOTHING,
    times: Mapping[str, str] = NOTHING,
) -> str:
    """Each stage: what was joined, where it runs, what it keeps, and what stopped the chain.

    *keeping* says what steps keep, *times* how they stamp records, by their names.
    """
    lines = [
        f"application {topology.application!r} on {len(topology.workers)} workers: "
        + ", ".join(topology.workers)
    ]
    for stage in topology.stages:
        lines.append(f"\nstage {stage.index}: {stage.name}  ({stage.kind.value})")
        if len(stage.steps) > 1:
            lines.append(
                f"  joined:    {len(stage.steps)} steps run as one: {', '.join(stage.steps)}"
            )
        lines.append(f"  runs on:   {_where(stage)}")
        for name in stage.steps:
            if name in keeping:
                lines.append(f"  keeps:     {name}: {keeping[name]}")
            if name in times:
                lines.append(f"  time:      {name}: {times[name]}")
        lines.append(f"  ends here: {stage.stopped_by}")
        for edge in topology.edges:
            if edge.source == stage.index:
                lines.append(f"  sends to:  stage {edge.target}, {_way(topology, edge.index)}")
    return "\n".join(lines)


def _where(stage: Stage) -> str:
    match stage.kind:
        case StageKind.PARTITIONED:
            owned = Counter(stage.workers[owner] for owner in stage.partition_owners)
            shares = ", ".join(f"{worker} {owned[worker]}" for worker in stage.workers)
            return f"{shares} of {len(stage.partition_owners)} partitions"
        case StageKind.SOURCE if not stage.source_partitions:
            return f"{', '.join(stage.workers)} (partitions are found while it runs)"
        case StageKind.SOURCE:
            reads = Counter(each.worker for each in stage.source_partitions)
            return ", ".join(f"{worker} (reads {reads[worker]})" for worker in stage.workers)
        case _:
            return ", ".join(stage.workers)


_OUTPUTS = {
    LATE_LETTERS_OUTPUT: "dead letters of late records",
    LATE_OUTPUT: "late records",
    ERRORS_OUTPUT: "its dead letters",
    0: "its records",
    1: "what the branch refuses",
}
_LABELS = {
    LATE_LETTERS_OUTPUT: ", late dead letters",
    LATE_OUTPUT: ", late",
    ERRORS_OUTPUT: ", dead letters",
    0: "",
    1: ", refused",
}


_WAYS = {
    Routing.FORWARD: "on the same worker",
    Routing.KEYED: "by key",
    Routing.SINGLE: "to its one instance",
    Routing.SPREAD: "to all workers in turn",
}


def _way(topology: Topology, index: int) -> str:
    edge = topology.edges[index]
    return f"{_OUTPUTS[edge.output]} {_WAYS[edge.routing]}"


def as_json(
    topology: Topology,
    keeping: Mapping[str, str] = NOTHING,
    times: Mapping[str, str] = NOTHING,
) -> str:
    """The topology as JSON, with the partitions of each worker counted, and what steps keep."""
    value: dict[str, Any] = {
        "application": topology.application,
        "workers": list(topology.workers),
        "key_hash": topology.key_hash,
        "stages": [_stage(stage, keeping, times) for stage in topology.stages],
        "edges": [
            {
                "source": edge.source,
                "origin": edge.origin,
                "output": edge.output,
                "target": edge.target,
                "routing": edge.routing.value,
            }
            for edge in topology.edges
        ],
    }
    return json.dumps(value, indent=2, ensure_ascii=False)


def _stage(stage: Stage, keeping: Mapping[str, str], times: Mapping[str, str]) -> dict[str, Any]:
    owned = Counter(stage.workers[owner] for owner in stage.partition_owners)
    return {
        "index": stage.index,
        "name": stage.name,
        "kind": stage.kind.value,
        "steps": list(stage.steps),
        "stopped_by": stage.stopped_by,
        "workers": list(stage.workers),
        "partitions": dict(owned),
        "keeps": {name: keeping[name] for name in stage.steps if name in keeping},
        "time": {name: times[name] for name in stage.steps if name in times},
        "source_partitions": {each.partition: each.worker for each in stage.source_partitions},
    }


def as_dot(
    topology: Topology,
    _keeping: Mapping[str, str] = NOTHING,
    _times: Mapping[str, str] = NOTHING,
) -> str:
    """The topology as a graph for ``dot``."""
    lines = [f"digraph {_quoted(topology.application)} {{", "  rankdir=LR; node [shape=box];"]
    for stage in topology.stages:
        label = f"{stage.index}: {stage.name}\n{stage.kind.value}\n{_where(stage)}"
        lines.append(f"  s{stage.index} [label={_quoted(label)}];")
    for edge in topology.edges:
        label = edge.routing.value + _LABELS[edge.output]
        lines.append(f"  s{edge.source} -> s{edge.target} [label={_quoted(label)}];")
    return "\n".join([*lines, "}"])


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
