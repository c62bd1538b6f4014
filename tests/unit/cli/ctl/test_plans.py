"""What a change would come to: keys, bytes and the pause follow from what the workers say."""

import attrs
import pytest

from wallarood.admin.figures.values import StateSize
from wallarood.admin.status import CheckpointStatus, ClusterStatus, JobState, StageStatus, Status
from wallarood.cli.ctl.plans import in_bytes, shown, weighed
from wallarood.model.topology import Stage, StageKind, Topology

WORKERS = ("alpha", "beta", "gamma")
STAGES = (
    Stage(0, "in", StageKind.SOURCE, ("in",), "", WORKERS),
    Stage(1, "count", StageKind.PARTITIONED, ("count",), "", WORKERS, (0, 1, 2, 0, 1, 2)),
    Stage(2, "all", StageKind.STATEFUL, ("all",), "", ("gamma",)),
)
TOPOLOGY = Topology(1, "app", WORKERS, STAGES, ())
PLAN = {
    "leaving": ["gamma"],
    "staying": ["alpha", "beta"],
    "slots": 6,
    "moving": 2,
    "moves": [
        {"stage": "count", "from": "gamma", "to": "alpha", "slots": 1, "partitions": []},
        {"stage": "in", "from": "gamma", "to": "beta", "slots": 0, "partitions": ["a", "b"]},
        {"stage": "all", "from": "gamma", "to": "beta", "slots": 0, "partitions": []},
    ],
}


def status(name: str, *stages: tuple[str, int, int], took_s: float = 0.25) -> Status:
    """A worker that keeps so many keys and bytes in the stages of these names."""
    kept = tuple(
        StageStatus(0, stage, "partitioned", states=(StateSize(stage, keys, size),))
        for stage, keys, size in stages
    )
    last = CheckpointStatus(duration_s=took_s)
    return Status(name, "1", JobState.RUNNING, "running", 1.0, stages=kept, checkpoint=last)


ALPHA, BETA = status("alpha", ("count", 100, 1000)), status("beta", ("count", 300, 3000))
GAMMA = status("gamma", ("count", 40, 60_000_000), ("all", 1, 500), took_s=0.5)


def test_a_share_of_the_slots_is_that_share_of_the_keys_and_bytes() -> None:
    plan = weighed(PLAN, ClusterStatus(ALPHA, (BETA, GAMMA)), TOPOLOGY)
    count, sources, all_of_it = plan["moves"]
    assert (count["keys"], count["bytes"], count["guessed"]) == (20, 30_000_000, False)
    assert (sources["keys"], sources["bytes"]) == (0, 0)
    assert (all_of_it["keys"], all_of_it["bytes"]) == (1, 500)
    assert (plan["keys"], plan["bytes"]) == (21, 30_000_500)
    assert plan["pause_s"] == 0.5 + 0.5 + 1.0


def test_what_a_lost_worker_had_is_taken_to_be_as_much_as_the_others_have() -> None:
    count = weighed(PLAN, ClusterStatus(ALPHA, (BETA,)), TOPOLOGY)["moves"][0]
    assert (count["keys"], count["bytes"], count["guessed"]) == (100, 1000, True)


def test_of_what_is_copied_ahead_no_more_is_left_for_the_pause_than_a_checkpoint_has() -> None:
    small = attrs.evolve(GAMMA.checkpoint, size_bytes=3_000_000)
    cluster = ClusterStatus(ALPHA, (BETA, attrs.evolve(GAMMA, checkpoint=small)))
    plan = weighed({**PLAN, "copied_ahead": True}, cluster, TOPOLOGY)
    assert (plan["bytes"], plan["pause_s"]) == (30_000_500, 0.5 + 0.5 + 0.1)


def test_who_would_join_is_named() -> None:
    joining = {**PLAN, "joining": ["delta"]}
    assert shown(joining)[0] == "joining: delta; staying: alpha, beta"


def test_a_plan_is_shown_in_words() -> None:
    assert shown(PLAN) == [
        "leaving: gamma; staying: alpha, beta",
        "2 of 6 slots would move",
        "  count: 1 slots from gamma to alpha",
        "  in: 2 partitions from gamma to beta",
        "  all: all of it from gamma to beta",
    ]
    assert shown(weighed(PLAN, ClusterStatus(ALPHA, (BETA, GAMMA)), TOPOLOGY)) == [
        "leaving: gamma; staying: alpha, beta",
        "2 of 6 slots would move, about 21 keys, 29 MiB",
        "  count: 1 slots from gamma to alpha, about 20 keys, 29 MiB",
        "  in: 2 partitions from gamma to beta",
        "  all: all of it from gamma to beta, about 1 keys, 500 bytes",
        "sources would pause for about 2 s",
    ]


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (2048, "2 KiB"), (5 << 20, "5 MiB"), (7 << 30, "7 GiB")],
)
def test_sizes_are_for_people(number: int, text: str) -> None:
    assert in_bytes(number) == text
