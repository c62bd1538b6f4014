"""A worker that cannot read on where another has read says so before anything has changed."""

from pathlib import Path

import pytest
from support.lone import lone_worker

import wallarood as w
from wallarood.model.errors import ApplicationError
from wallarood.planning.change import replan
from wallarood.planning.listings import list_partitions
from wallarood.planning.plan import plan
from wallarood.runtime.change.sources.opening import open_gained
from wallarood.runtime.change.takeover import Takeover


def takeover_of(app: w.Application) -> Takeover:
    """What beta takes over when it joins alpha."""
    mine = list_partitions(app)
    previous = plan(app, ("alpha",), (("alpha", mine),))
    topology = replan(app, previous, ("alpha", "beta"), epoch=2)
    return Takeover(app, previous, topology, "beta")


def reading(directory: Path) -> w.Application:
    for name in ("a", "b"):
        (directory / name).write_text("x\n")
    source = w.FileSource(str(directory / "a"), str(directory / "b"))
    return w.application("a", w.source("lines", source).to_sink(w.ListSink([])))


async def test_what_can_be_read_is_opened_and_closed(tmp_path: Path) -> None:
    app = reading(tmp_path)
    takeover = takeover_of(app)
    assert len(takeover.reading.gained()) == 1
    async with lone_worker(tmp_path, app, driven=False, worker__name="beta") as lone:
        await open_gained(lone.worker, takeover, [], cluster_id="wc-1")


async def test_what_cannot_be_read_here_is_named(tmp_path: Path) -> None:
    app = reading(tmp_path)
    takeover = takeover_of(app)
    async with lone_worker(tmp_path, app, driven=False, worker__name="beta") as lone:
        for name in ("a", "b"):
            (tmp_path / name).unlink()
        with pytest.raises(ApplicationError, match=r"beta cannot read .* of source 'lines'"):
            await open_gained(lone.worker, takeover, [], cluster_id="wc-1")
