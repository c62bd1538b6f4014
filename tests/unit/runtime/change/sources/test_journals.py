"""What has come is put in its place when the change is adopted, and its clients are known."""

from pathlib import Path

import attrs
from support.lone import lone_worker
from support.nodes import record

import wallarood as w
from wallarood.connectors.journal.files import open_journal
from wallarood.disk.incoming import IncomingFiles
from wallarood.planning.change import replan
from wallarood.planning.listings import list_partitions
from wallarood.planning.plan import plan
from wallarood.runtime.change.sources.journals import left_here, put_in_place

SOURCE = w.TcpSource("127.0.0.1:0", scope="local")
APP = w.application("a", w.source("in", SOURCE).to_sink(w.ListSink([])))
MINE = list_partitions(APP)
BEFORE = plan(APP, ("alpha", "beta"), (("alpha", MINE), ("beta", MINE)))
LEFT = "127.0.0.1:0, left by beta at epoch 2"
ALONE = replan(APP, BEFORE, ("alpha",), epoch=2)


def test_the_partitions_that_were_left_are_known_from_the_topology() -> None:
    assert left_here(ALONE.stages_on("alpha"), "in") == (LEFT,)
    assert left_here(ALONE.stages_on("alpha"), "other") == ()


async def test_the_heir_has_the_journal_and_knows_its_clients(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, APP, driven=False) as lone:
        store = lone.worker.store
        root = IncomingFiles(store.cluster_path).moved(3)
        journal = open_journal(root / "sources" / "in" / LEFT, 1 << 20)
        journal.append([("till", 1, b"one")])
        journal.close()
        known = attrs.evolve(record("alpha", "alpha"), topology=ALONE)
        for _ in range(2):  # who dies before it is adopted does it once more
            put_in_place(lone.worker, known, 3)
        here = store.cluster_path / "sources" / "in"
        assert list(open_journal(here / LEFT, 1 << 20).read(0)) == [(0, b"one")]
        assert open_journal(here / "127.0.0.1:0", 1 << 20).inherited == {"till": 1}
