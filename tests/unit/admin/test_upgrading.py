"""Orders that bring a cluster to another version are refused where that does not run on all."""

from pathlib import Path

import attrs
import pytest
from support.lone import endless, lone_worker
from support.nodes import changed

from wallarood.admin.orders import OrderRefusedError
from wallarood.admin.upgrading import UpgradeOrders
from wallarood.control.change.decided import adopted


async def test_what_nobody_waits_for_is_refused_with_the_reason(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([])) as lone:
        await lone.running()
        with pytest.raises(OrderRefusedError, match="no new version runs on alpha: install it"):
            UpgradeOrders(lone.worker).upgrade({})
        with pytest.raises(OrderRefusedError, match="there is no version to go back to"):
            UpgradeOrders(lone.worker).upgrade({"back": "1"})


async def test_a_way_back_that_was_dropped_here_is_none(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([])) as lone:
        await lone.running()
        view = lone.worker.node.machines.view
        assert view is not None
        newer = attrs.evolve(changed(view.record, "alpha"), fingerprint=("newer",))
        view.record = adopted(view.record, newer)
        with pytest.raises(OrderRefusedError, match="is not kept any more on alpha"):
            UpgradeOrders(lone.worker).upgrade({"back": "1", "dry-run": "1"})


async def test_before_there_is_a_cluster_there_is_no_version(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([]), driven=False) as lone:
        with pytest.raises(OrderRefusedError, match="not possible while the worker is forming"):
            UpgradeOrders(lone.worker).upgrade({})
