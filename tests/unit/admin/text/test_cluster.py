"""What people see of a worker and its cluster: placement in full, and what it waits for."""

import attrs

from wallarood.admin.figures.values import CopyStatus
from wallarood.admin.status import (
    CheckpointStatus,
    ClusterStatus,
    JobState,
    SourceStatus,
    StageStatus,
    Status,
    WorkerStatus,
)
from wallarood.admin.text.cluster import cluster_text, status_text, topology_table, workers_table
from wallarood.model.topology import Stage, StageKind, Topology
from wallarood.planning.upgrade import kept_as

STATUS = Status(
    "beta",
    "1",
    JobState.PAUSED,
    "paused: waiting for 1 of 2 workers: alpha",
    3725.0,
    "word count",
    "wc-1",
    1,
    workers=(
        WorkerStatus("alpha", "127.0.0.1:1", "away", 7.25),
        WorkerStatus("beta", "127.0.0.1:2", "here"),
    ),
    stages=(StageStatus(1, "count", "partitioned", 1234567, 8),),
    sources=(SourceStatus("in", "a.txt", "beta", 5, 50, 200),),
    rate=1234.5,
)


def test_records_that_were_pickled_are_told_with_their_step() -> None:
    assert "pickled:" not in status_text(STATUS)
    stage = attrs.evolve(STATUS.stages[0], pickled=12345)
    shown = status_text(attrs.evolve(STATUS, stages=(stage,)))
    assert "pickled:     records sent to other workers: count (12,345)" in shown


def test_an_upgrade_that_is_pending_is_told_with_what_the_new_version_drops() -> None:
    def shown(*kept: tuple[str, int]) -> str:
        return status_text(attrs.evolve(STATUS, checkpoint=CheckpointStatus(kept=kept)))

    assert "upgrade:     " not in shown(("nightly", 3), ("upgraded", 4))
    pending = "upgrade:     pending from checkpoint 7: restart with the new version"
    assert f"{pending}\n" in shown(("nightly", 3), ("upgrade", 7))
    dropping = shown((kept_as(["total", "totals"]), 7))
    assert f"{pending}, which drops total, totals\n" in dropping


def test_a_partitioned_stage_shows_how_many_partitions_each_worker_owns() -> None:
    stages = (
        Stage(0, "in", StageKind.SOURCE, ("in", "split"), "", ("alpha",)),
        Stage(1, "count", StageKind.PARTITIONED, ("count",), "", ("alpha", "beta"), (0, 1, 0)),
    )
    assert topology_table(Topology(1, "app", ("alpha", "beta"), stages, ())) == (
        "stage  kind         computations  runs on\n"
        "    0  source       in + split    alpha\n"
        "    1  partitioned  count         alpha (2), beta (1) of 3 partitions"
    )


def test_many_workers_are_not_all_named() -> None:
    workers = tuple(f"w{number}" for number in range(20))
    stage = Stage(0, "in", StageKind.SOURCE, ("in",), "", workers)
    assert topology_table(Topology(1, "app", workers, (stage,), ())).endswith("w6, and 13 more")


def test_a_peer_that_is_away_shows_since_when() -> None:
    assert workers_table(STATUS).splitlines()[1] == "alpha   127.0.0.1:1  away   7.2 s ago"


def test_a_status_says_what_it_waits_for_and_how_far_it_is() -> None:
    text = status_text(STATUS)
    assert "job:         paused: waiting for 1 of 2 workers: alpha" in text
    assert "up 1 h 2 min" in text
    assert "1,234 records/s, 25%" in text
    assert "1,234,567" in text


def test_a_status_names_the_last_checkpoint_and_says_so_if_there_is_none() -> None:
    assert "checkpoint:  0 committed, none since the start" in status_text(STATUS)
    last = CheckpointStatus(committed=7, last=7, age_s=3.2, duration_s=0.04, size_bytes=5120)
    text = status_text(attrs.evolve(STATUS, checkpoint=last))
    assert "checkpoint:  7 committed, 3 s ago, took 0.04 s, 5,120 bytes" in text
    assert "7 written, 6 committed" in status_text(
        attrs.evolve(STATUS, checkpoint=attrs.evolve(last, committed=6))
    )


def test_a_stage_that_waits_says_what_for() -> None:
    stage = attrs.evolve(STATUS.stages[0], name="enrich", waits="its table is being read")
    text = status_text(attrs.evolve(STATUS, stages=(stage,)))
    assert "waits:       enrich: its table is being read" in text


def test_where_checkpoints_are_copied_to_shows_and_whether_one_more_loss_is_fatal() -> None:
    def shown(copy: CopyStatus | None) -> str:
        return status_text(attrs.evolve(STATUS, checkpoint=CheckpointStatus(copy=copy)))

    assert "copy:" not in shown(None)
    assert "copy:        gamma has checkpoint 7\n" in shown(CopyStatus("gamma", 7, False))
    under_way = CopyStatus("gamma", None, True, "checkpoint 7 is not there yet (12 bytes sent)")
    assert (
        "copy:        gamma has nothing yet, checkpoint 7 is not there yet (12 bytes sent); one "
        "more loss is fatal\n"
    ) in shown(under_way)


def test_a_worker_with_a_restored_directory_is_shown_as_one_without_a_vote() -> None:
    restored = attrs.evolve(STATUS, restored=True)
    assert "restored:" not in status_text(STATUS)
    told = f"restored:    from a copy: {STATUS.worker} has no vote in changes until wallarooctl"
    assert told in status_text(restored)
    other = attrs.evolve(restored, worker="beta", phase="running")
    assert "running; restored: no vote" in cluster_text(ClusterStatus(STATUS, (other,)))
