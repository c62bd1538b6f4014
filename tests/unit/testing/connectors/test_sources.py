"""The kit shows what a source guarantees, and finds the mistakes that a connector may make."""

import time
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from support.shelves import Shelf, ShelvesSource

import wallarood as w
from wallarood.testing.connectors import SourceCase, prove_source

MISTAKES = {
    "begins one later": ("read again", "after 7 records of 'a'"),
    "begins one earlier": ("read again", "after 7 records of 'a'"),
    "takes when cancelled": ("read cancelled", "after cancelled reads"),
    "skips what is gone": ("position gone", "position 7 is gone, and it goes on with "),
    "lists only the old": ("partition appears", "no partition is listed besides a"),
    "forgets where it was": ("server killed", "with a server that was away"),
    "holds the event loop": ("server slow", "the event loop stood still for"),
    "tells a secret": ("refused", "a secret is shown"),
    "gives too many": ("read again", "50 records, not 1 to 7"),
}
"""Which trial finds it, and what it says."""


@attrs.frozen
class MistakenSource(ShelvesSource):
    """A source of shelves with a mistake."""

    mistake: str = ""

    async def discover(self) -> list[str]:
        if self.mistake == "tells a secret":
            raise w.ServerAwayError("sesame-123 is wrong")
        found = list(await ShelvesSource.discover(self))
        return found[:1] if self.mistake == "lists only the old" else found

    async def open(self, partition: str, position: Any, context: w.SourceContext) -> "Mistaken":
        shift = {"begins one later": 1, "begins one earlier": -1}.get(self.mistake, 0)
        if position is not None:
            position = max(0, position + shift)
        if self.mistake == "forgets where it was":
            position = None
        reader = await ShelvesSource.open(self, partition, position, context)
        most = 1000 if self.mistake == "gives too many" else reader.most
        return Mistaken(reader.path, reader.position, most, self.mistake)


@attrs.define(eq=False)
class Mistaken(Shelf):
    """An open shelf with a mistake."""

    mistake: str = ""

    async def read(self) -> w.SourceBatch[str] | None:
        if self.mistake == "holds the event loop" and self.position:
            time.sleep(1.1)  # noqa: ASYNC251
        while True:
            try:
                found = await Shelf.read(self)
            except w.PositionGoneError:
                if self.mistake != "skips what is gone":
                    raise
                self.position += 1
                continue
            if self.mistake == "takes when cancelled":
                await trio.lowlevel.checkpoint()
            return found


@attrs.define(eq=False)
class Hidden:
    """A server that is a directory: it is away while that has another name."""

    directory: Path

    def start(self) -> None:
        self.directory.with_suffix(".away").rename(self.directory)

    def kill(self) -> None:
        self.directory.rename(self.directory.with_suffix(".away"))

    def pause(self) -> None:
        self.kill()

    def resume(self) -> None:
        self.start()


@pytest.fixture
def shelves(tmp_path: Path) -> Path:
    """A directory with one partition."""
    directory = tmp_path / "shelves"
    directory.mkdir()
    (directory / "a").touch()
    return directory


def case_of(shelves: Path, mistake: str = "", *trials: str) -> SourceCase:
    source = MistakenSource(str(shelves), mistake=mistake)
    where = shelves.with_suffix(".away")

    def append(partition: str, records: list[Any]) -> None:
        directory = shelves if shelves.exists() else where
        with (directory / partition).open("a") as file:
            file.writelines(f"{each}\n" for each in records)

    def forget(partition: str) -> None:
        lines = (shelves / partition).read_text().splitlines()
        (shelves / partition).write_text("\n".join(["removed 20", *lines[20:], ""]))

    return SourceCase(
        source=source,
        append=append,
        forget=forget,
        add_partition=(shelves / "b").touch,
        server=Hidden(shelves),
        wrong={"place": (MistakenSource("/nowhere", mistake=mistake), "")},
        secrets=["sesame-123"],
        only=trials,
        patience_s=2.0,
    )


async def test_a_source_that_is_right_is_proven(shelves: Path, tmp_path: Path) -> None:
    proof = await prove_source(attrs.evolve(case_of(shelves), patience_s=20.0), tmp_path)
    print(proof)
    assert proof.untried == {}
    assert list(proof.shown)[-1] == "position gone"
    assert "said: shelves: position 7 of a is gone" in proof.shown["position gone"]


@pytest.mark.parametrize(
    "mistake",
    [
        pytest.param(each, marks=pytest.mark.long) if each == "holds the event loop" else each
        for each in MISTAKES
    ],
)
async def test_a_mistake_is_found(mistake: str, shelves: Path, tmp_path: Path) -> None:
    trial, said = MISTAKES[mistake]
    with pytest.raises(AssertionError, match=f"{trial}: .*{said}"):
        await prove_source(case_of(shelves, mistake, trial), tmp_path)


async def test_what_is_not_given_is_not_tried(shelves: Path, tmp_path: Path) -> None:
    case = attrs.evolve(
        case_of(shelves), forget=None, add_partition=None, server=None, wrong={}, only=()
    )
    proof = await prove_source(case, tmp_path)
    assert list(proof.shown) == ["read again", "read cancelled"]
    assert proof.untried["position gone"] == "nothing forgets (forget=)"
