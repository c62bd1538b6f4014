"""What `wallarooctl` shows: each view is the value that ``--json`` prints, and the same as text."""

import argparse
from pathlib import Path
from typing import Any

from wallarood.admin import client
from wallarood.admin.text.cluster import cluster_text, topology_table, workers_table
from wallarood.admin.text.watermarks import watermarks_text
from wallarood.model.topology import Topology
from wallarood.runtime.timing.clock import wall_clock
from wallarood.wire.strict import unstructure


def status(path: Path, _: argparse.Namespace) -> tuple[Any, str]:
    """The state of a worker, and what the whole cluster has read."""
    cluster = client.cluster(path)
    value = unstructure(cluster)
    return {**value.pop("asked"), **value}, cluster_text(cluster)


def topology(path: Path, _: argparse.Namespace) -> tuple[Any, str]:
    """The stages of the cluster and where they run."""
    found = client.topology(path)
    return unstructure(found), _topology_text(found)


def _topology_text(topology: Topology) -> str:
    return (
        f"application: {topology.application}\nepoch:       {topology.epoch}\n"
        f"led by:      {topology.leader}\n\n{topology_table(topology)}"
    )


def workers(path: Path, _: argparse.Namespace) -> tuple[Any, str]:
    """The members of the cluster, as one of them sees them."""
    status = client.status(path)
    return unstructure(status.workers), workers_table(status)


def watermarks(path: Path, _: argparse.Namespace) -> tuple[Any, str]:
    """How far event time has come in each partition and stage."""
    cluster = client.cluster(path)
    value: list[dict[str, Any]] = [
        {"source": each.source, "partition": each.partition, "worker": each.worker}
        | {"state": each.condition, "watermark": each.watermark}
        for status in (cluster.asked, *cluster.others)
        for each in status.sources
        if each.condition
    ]
    stages: list[dict[str, Any]] = [
        {"stage": each.index, "name": each.name, "worker": status.worker}
        | {"watermark": each.watermark, "late": dict(each.late)}
        for status in (cluster.asked, *cluster.others)
        for each in status.stages
    ]
    return {"partitions": value, "stages": stages}, watermarks_text(cluster, wall_clock())
