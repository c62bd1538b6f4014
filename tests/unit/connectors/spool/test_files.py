"""The files of a spool: durable at prepare, void after a rollback, and checked."""

from pathlib import Path

import attrs
import pytest

from wallarood.app.connector import SinkContext
from wallarood.connectors.spool.files import BUFFER_BYTES, check_files, opened_files
from wallarood.model.errors import ApplicationError, CannotCreateError, DamagedStateError


async def test_what_a_checkpoint_lists_can_be_checked(context: SinkContext) -> None:
    files = await opened_files(context, None, ".x")
    assert files.prepare() is None
    assert not files.add(b"one", 1)
    assert files.add(bytes(BUFFER_BYTES), 2)
    files.flush()
    files.add(b"two", 1)
    first, state = files.prepare(), files.place.state
    files.add(b"three", 5)
    second = files.prepare()
    assert first is not None
    assert second is not None
    assert (first["file"], first["last"]) == ("0-0000000000000001.x", 4)
    assert (second["file"], second["last"]) == ("0-0000000000000005.x", 9)
    assert first["bytes"] == BUFFER_BYTES + 6
    assert files.path_of(first).read_bytes() == b"one" + bytes(BUFFER_BYTES) + b"two"
    assert check_files(files.directory, [first, second]) == []

    files.path_of(second).write_bytes(b"thref")
    (problem,) = check_files(files.directory, [first, second])
    assert problem == f"{files.path_of(second)} is damaged: its checksum is wrong"
    with pytest.raises(DamagedStateError, match="its checksum is wrong"):
        files.check(second)

    files = await opened_files(context, state, ".x")
    assert [each.name for each in files.directory.glob("*.x")] == [first["file"]]
    files.remove(first)
    files.remove(first)
    assert check_files(files.directory, [first]) == []


async def test_a_line_has_files_of_its_own(context: SinkContext) -> None:
    files = await opened_files(context, None, ".x")
    files.add(b"a", 3)
    files.prepare()
    files = await opened_files(attrs.evolve(context, line=2), files.place.state, ".x")
    files.add(b"b", 1)
    prepared = files.prepare()
    assert prepared is not None
    assert (prepared["file"], prepared["line"]) == ("2-0000000000000001.x", 2)
    assert prepared["after"] == [0, 3]


async def test_without_a_directory_it_is_not_opened(context: SinkContext, tmp_path: Path) -> None:
    with pytest.raises(ApplicationError, match="sink 'sink' needs a state directory"):
        await opened_files(attrs.evolve(context, directory=""), None, ".x")
    (tmp_path / "sinks").touch()
    with pytest.raises(CannotCreateError, match="sinks: "):
        await opened_files(context, None, ".x")


async def test_what_cannot_be_written_is_named(context: SinkContext) -> None:
    files = await opened_files(context, None, ".x")
    (files.directory / f"{files.place.file}.x").mkdir()
    files.add(b"a", 1)
    with pytest.raises(CannotCreateError, match="Is a directory"):
        files.prepare()
