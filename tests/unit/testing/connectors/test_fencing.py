"""Trials while the server is well: what they do, on a sink that is right in all."""

from pathlib import Path

import pytest
from support.shelf import Shelf

from wallarood.testing.connectors import SinkCase
from wallarood.testing.connectors.cases import SinkTrials
from wallarood.testing.connectors.fencing import FENCING, NOT_TRIED

IN_PROCESS = [name for name in FENCING if "killed" not in name]


@pytest.mark.parametrize("name", IN_PROCESS)
async def test_a_sink_that_is_right_passes(name: str, tmp_path: Path) -> None:
    shelf = Shelf()
    trials = SinkTrials(SinkCase(sink=shelf.sink(), read=lambda: shelf.records), tmp_path)
    assert not (await FENCING[name](trials)).startswith(NOT_TRIED)
    await trials.check()
    for life in trials.lives:
        await life.close_all()


async def test_without_kills_none_is_made(tmp_path: Path) -> None:
    trials = SinkTrials(SinkCase(sink=Shelf().sink(), read=list, kills=0), tmp_path)
    assert await FENCING["killed at any moment"](trials) == "not tried: kills=0"
