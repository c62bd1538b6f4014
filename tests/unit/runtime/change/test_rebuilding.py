"""A new seat takes the place of one that is gone, and of what was on its disk publishes nothing."""

from pathlib import Path

import pytest
from support.keeping import copies_at, members_in, wanted
from support.lone import endless, lone_worker

from wallarood.model.change import Change, Gone, Why
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.ids import NO_SEAT
from wallarood.model.messages.replicas import FilePiece
from wallarood.model.topology import Topology
from wallarood.runtime.change.rebuilding import rebuild, replaces, without_lost_output
from wallarood.storage.copies.copied_files import CopiedFiles

TOPOLOGY = Topology(2, "app", ("alpha", "beta"), (), ())


@pytest.mark.parametrize(
    ("name", "why", "so"),
    [
        ("beta", Why.REPLACED, True),
        ("beta", Why.EVICTED, False),
        ("alpha", Why.REPLACED, False),
    ],
)
def test_only_who_has_the_name_of_one_that_was_replaced_takes_its_place(
    name: str, why: Why, so: bool
) -> None:
    gone = (Gone("beta", NO_SEAT, why),)
    change = Change(2, (), gone, TOPOLOGY, (), CheckpointId(1, 5), 1, 4, 0)
    assert replaces(change, name) is so


async def test_a_sink_goes_on_after_what_was_prepared_on_the_lost_disk(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([]), driven=False) as lone:
        sink = lone.worker.application.steps[-1].name
        manifest = {"round": 1, "sinks": [[sink, 7, ["a", "b"]]]}
        found = without_lost_output(lone.worker, manifest)
        assert found == {"round": 1, "sinks": [[sink, 7, []]]}


async def test_only_what_the_lost_one_had_is_there_also_of_one_that_had_joined_after_the_basis(
    tmp_path: Path,
) -> None:
    async def stored(_: object) -> None:
        raise AssertionError("it has no part of the basis")

    async with members_in(tmp_path, "alpha", "beta", "gamma") as there:
        copied = CopiedFiles(copies_at(there["beta"], "gamma"), 2)
        copied.write([FilePiece("sources/in/journal", 0, b"taken in")])
        copied.settle()
        worker = there["gamma"].worker
        own = worker.store.copied_files(None)
        own.write([FilePiece("sources/in/of an earlier try", 0, b"it was cut off")])
        assert await rebuild(worker, wanted(gone="gamma", why=Why.REPLACED), stored) is None
        assert [each.path for each in own.states()] == ["sources/in/journal"]
        assert (worker.store.cluster_path / "sources/in/journal").read_bytes() == b"taken in"
