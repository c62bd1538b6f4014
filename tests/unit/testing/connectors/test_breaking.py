"""Trials of a server that is broken: on one that is in this process, and right in all."""

from pathlib import Path

import attrs
import pytest
from support.shelf import Shelf

import wallarood as w
from wallarood.testing.connectors import SinkCase
from wallarood.testing.connectors.breaking import BREAKING
from wallarood.testing.connectors.cases import SinkTrials


@attrs.define(eq=False)
class Switch:
    """A server that is away while it is off."""

    shelf: Shelf
    said: list[str] = attrs.field(factory=list)

    def start(self) -> None:
        self.said.append("start")
        self.shelf.away = False

    def kill(self) -> None:
        self.said.append("kill")
        self.shelf.away = True

    def pause(self) -> None:
        self.said.append("pause")

    def resume(self) -> None:
        self.said.append("resume")


@pytest.mark.parametrize(
    ("name", "done"),
    [
        ("server killed", ["kill", "start"] * 5),
        ("server away", ["kill", "start"]),
        ("server slow", ["pause", "resume"]),
    ],
)
async def test_a_sink_that_is_right_passes(name: str, done: list[str], tmp_path: Path) -> None:
    shelf = Shelf()
    server = Switch(shelf)
    case = SinkCase(sink=shelf.sink(), read=lambda: shelf.records, server=server)
    trials = SinkTrials(case, tmp_path)
    await BREAKING[name](trials)
    await trials.check()
    assert server.said == done
    for life in trials.lives:
        await life.close_all()


async def test_a_message_without_the_word_is_found(tmp_path: Path) -> None:
    wrong = {"name": (Shelf(away=True).sink(), "no such name")}
    case = SinkCase(sink=Shelf().sink(), read=list, wrong=wrong)
    with pytest.raises(AssertionError, match="name: the check says, without 'no such name'"):
        await BREAKING["refused"](SinkTrials(case, tmp_path))


async def test_without_a_server_none_is_broken(tmp_path: Path) -> None:
    trials = SinkTrials(SinkCase(sink=w.SpooledSink(list, server="x"), read=list), tmp_path)  # type: ignore[arg-type]
    for trial in BREAKING.values():
        assert (await trial(trials)).startswith("not tried: no ")
