"""Orders that change a cluster: what would move is said, and what cannot be is refused."""

from pathlib import Path

import pytest
from support.handing import counting
from support.lone import endless, lone_worker

from wallarood.admin.changing import ChangeOrders, figures
from wallarood.admin.orders import OrderRefusedError
from wallarood.model.topology import Stage, StageKind, Topology


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"names": "alpha"}, "one worker must stay: to end the cluster, use wallarooctl shutdown"),
        ({"names": "beta"}, "beta is not a member of the cluster; its members are alpha"),
        ({}, "no worker is not a member"),
        ({"to": "1"}, "found --to 1: the cluster has 1 workers"),
        ({"to": "many"}, "found --to many"),
    ],
)
async def test_what_cannot_be_is_refused(
    tmp_path: Path, parameters: dict[str, str], why: str
) -> None:
    async with lone_worker(tmp_path, endless([])) as lone:
        await lone.running()
        with pytest.raises(OrderRefusedError, match=why):
            ChangeOrders(lone.worker).shrink(parameters)


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"names": "alpha"}, "alpha is connected: use wallarooctl shrink"),
        ({"names": "beta"}, "beta is not a member of the cluster; its members are alpha"),
        ({"to": "1"}, "no worker is not a member"),
    ],
)
async def test_who_cannot_be_evicted_is_named(
    tmp_path: Path, parameters: dict[str, str], why: str
) -> None:
    async with lone_worker(tmp_path, endless([])) as lone:
        await lone.running()
        with pytest.raises(OrderRefusedError, match=why):
            ChangeOrders(lone.worker).evict(parameters)


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"names": "alpha", "dry-run": "1"}, "alpha is a member of the cluster already"),
        ({"dry-run": "1"}, "expected the name of a worker that would join"),
        ({"names": "beta"}, "a worker joins by itself: start beta with --join"),
    ],
)
async def test_who_cannot_join_is_named(
    tmp_path: Path, parameters: dict[str, str], why: str
) -> None:
    async with lone_worker(tmp_path, endless([])) as lone:
        await lone.running()
        with pytest.raises(OrderRefusedError, match=why):
            ChangeOrders(lone.worker).grow(parameters)


async def test_what_would_move_to_a_worker_that_joins_is_half_of_what_one_has(
    tmp_path: Path,
) -> None:
    async with lone_worker(tmp_path, counting()) as lone:
        await lone.running()
        plan = ChangeOrders(lone.worker).grow({"names": "beta", "dry-run": "1"})
        assert (plan["joining"], plan["staying"]) == (["beta"], ["alpha"])
        assert (plan["moving"], plan["slots"]) == (128, 256)
        assert [(each["from"], each["to"]) for each in plan["moves"]] == [("alpha", "beta")]
        assert not lone.worker.node.machines.change_text, "nothing is done"


async def test_before_there_is_a_cluster_no_worker_can_leave(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([]), driven=False) as lone:
        with pytest.raises(OrderRefusedError, match="not possible while the worker is forming"):
            ChangeOrders(lone.worker).shrink({"names": "alpha"})


def test_what_would_move_is_said_in_numbers() -> None:
    def topology(*workers: str, owners: tuple[int, ...]) -> Topology:
        stage = Stage(0, "count", StageKind.PARTITIONED, ("count",), "", workers, owners)
        return Topology(1, "app", workers, (stage,), ())

    before = topology("alpha", "beta", owners=(0, 1, 0, 1))
    after = topology("alpha", owners=(0, 0, 0, 0))
    assert figures(before, after) == {
        "slots": 4,
        "moving": 2,
        "moves": [{"stage": "count", "from": "beta", "to": "alpha", "slots": 2, "partitions": []}],
    }
