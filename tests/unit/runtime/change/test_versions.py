"""A change is for one version of the application, and no worker takes part with another."""

from pathlib import Path

import pytest
from support.lone import lone_worker

import wallarood as w
from wallarood.model.change import Change
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.errors import RefusedError
from wallarood.model.pipeline import Application
from wallarood.planning.plan import plan
from wallarood.planning.upgrade import NewVersion
from wallarood.runtime.change.versions import former_names


def version(source: str, was: dict[str, str] | None = None) -> Application:
    stream = w.source(source, w.ListSource(["a"], record=str))
    return w.application("app", stream.to_sink(w.ListSink([]), name="out"), was=was or {})


def to(application: Application) -> Change:
    topology = plan(application, ("alpha",), (), epoch=2)
    return Change(2, (), (), topology, application.fingerprint, CheckpointId(1, 1), 1, 2, 0)


async def test_a_change_of_members_is_for_the_version_that_runs(tmp_path: Path) -> None:
    first, second = version("words"), version("texts", was={"texts": "words"})
    async with lone_worker(tmp_path, first) as lone:
        await lone.running()
        assert former_names(lone.worker, to(first)) is None
        with pytest.raises(RefusedError, match="another version of the application than that of"):
            former_names(lone.worker, to(second))


async def test_a_new_version_takes_over_by_former_names_and_stages_nothing_else(
    tmp_path: Path,
) -> None:
    first, second = version("words"), version("texts", was={"texts": "words"})
    async with lone_worker(tmp_path, first) as lone:
        await lone.running()
        lone.worker.application = second
        lone.worker.change.upgrade = NewVersion(second)
        former = former_names(lone.worker, to(second))
        assert former is not None
        assert (former["texts"], former["out"]) == ("words", "out")
        with pytest.raises(RefusedError, match="than that of epoch 2"):
            former_names(lone.worker, to(first))
