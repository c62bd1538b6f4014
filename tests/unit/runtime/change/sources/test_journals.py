"""What has come is put in its place when the change is adopted, and its clients are known."""

from pathlib import Path

import attrs
import pytest
from support.handing import BALLOT
from support.lone import lone_worker
from support.nodes import member, record
from support.patience import patiently

import wallarood as w
from wallarood.connectors.journal.files import open_journal
from wallarood.control.change.effects import StageChange
from wallarood.disk.incoming import IncomingFiles
from wallarood.model.change import Change, Gone, Why
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.ids import NO_SEAT
from wallarood.planning.change import replan
from wallarood.planning.listings import list_partitions
from wallarood.planning.plan import plan
from wallarood.runtime.change.keepers import Keepers
from wallarood.runtime.change.sources.journals import Journals, left_here, put_in_place
from wallarood.runtime.change.sources.reading import Reading

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


ONE = w.application(
    "one", w.source("in", w.TcpSource("127.0.0.1:0")).to_sink(w.ListSink([]), name="out")
)
TRIO = ("beta", "alpha", "gamma")


@pytest.mark.parametrize("listener", ["gamma", "alpha"])
async def test_a_journal_that_has_moved_since_the_basis_is_not_had_from_where_it_was_then(
    tmp_path: Path, listener: str
) -> None:
    """beta listened in the epoch of the basis, *listener* in the next one, gamma from now on."""
    before = plan(ONE, TRIO, tuple((name, list_partitions(ONE)) for name in TRIO))
    (partition,) = before.stages[0].source_partitions
    assert partition.worker == "beta"
    stays = ("gamma",) if listener == "alpha" else ("gamma", "alpha")
    now = replan(ONE, before, tuple(each for each in TRIO if each != "beta"), epoch=2)
    source = attrs.evolve(
        now.stages[0],
        workers=(listener,),
        source_partitions=(attrs.evolve(partition, worker=listener),),
    )
    now = attrs.evolve(now, stages=(source, *now.stages[1:]))
    later = replan(ONE, now, stays, epoch=3)
    assert [each.worker for each in later.stages[0].source_partitions] == ["gamma"]
    members = tuple(member(name) for name in stays)
    gone = tuple(Gone(name, NO_SEAT, Why.EVICTED) for name in TRIO if name not in stays)
    change = Change(3, members, gone, later, (), CheckpointId(1, 5), 1, 4, 0)
    async with lone_worker(tmp_path, ONE, driven=False, worker__name="gamma") as lone:
        worker, known = lone.worker, record("gamma", *TRIO)
        worker.node.record = attrs.evolve(known, topology=now)
        own = worker.store.cluster_path
        where = own if listener == "gamma" else own / "replicas" / "alpha"
        journal = open_journal(
            where / "sources" / "in" / ONE.step("in").connector.journal(partition.partition),
            1 << 20,
        )
        journal.append([("till", 1, b"of now")])
        journal.close()
        if listener == "alpha":  # its copy is whole, and here
            worker.store.copied_files("alpha", epoch=2).settle()
        after = attrs.evolve(known, topology=later, members=members, change=change)
        staged = StageChange(BALLOT, after, before, tuple(member(name) for name in TRIO))
        reading = Reading(ONE, before, later, "gamma")
        assert [each.owner for each in reading.journals()] == ["beta"]
        with patiently(20):
            await Journals(
                worker, reading, known.cluster_id, number=7, keepers=Keepers(worker, staged)
            ).fetch()
        put_in_place(worker, after, 7)
        here = open_journal(own / "sources" / "in" / journal.directory.name, 1 << 20)
        assert list(here.read(0)) == [(0, b"of now")]
