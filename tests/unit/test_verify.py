"""Reading a whole state directory: what is damaged is named, and nothing else."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from xxhash import xxh3_64_hexdigest

from wallarood.connectors.tcp.sink import TcpSink
from wallarood.connectors.tcp.source import TcpSource
from wallarood.disk.noted import note_connector
from wallarood.model.checkpoint import FIRST_CHECKPOINT, CheckpointId, CheckpointPart, SinkPart
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.ids import Address, Incarnation
from wallarood.model.messages import Member
from wallarood.model.topology import Topology
from wallarood.storage.state_directory import StateDirectory, open_state_directory
from wallarood.verify import verify

MEMBER = Member("alpha", Address("::1", 1), Address("h", 2), Incarnation(3, "n"))
TOPOLOGY = Topology(1, "app", ("alpha",), (), ())


class Own:
    """A connector of the author's own, which says what is damaged."""

    @staticmethod
    def verify(directory: Path, unpublished: Sequence[Any]) -> list[str]:
        files = [str(each["file"]) for each in unpublished if isinstance(each, dict)]
        return [f"{directory.name}: {', '.join(files)}"] if (directory / "damaged").exists() else []


def frames_of(state: StateDirectory, directory: str, content: bytes) -> dict[str, str]:
    """A file with *content* in the directory of a sink, and what is said of it at a checkpoint."""
    path = state.cluster_path / "sinks" / directory
    path.mkdir(parents=True)
    (path / "000001.frames").write_bytes(content)
    note_connector(path, TcpSink("127.0.0.1:1"))
    return {"file": "000001.frames", "checksum": xxh3_64_hexdigest(content)}


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    """One with two TCP sinks under their default names, and a sink of the author's own."""
    state = open_state_directory(tmp_path)
    state.save_record(
        ClusterRecord("wc-1", RecordState.COMMITTED, "alpha", "alpha", (), TOPOLOGY, (MEMBER,))
    )
    sinks = (
        SinkPart("tcp-sink", 1, (frames_of(state, "tcp-sink-0", b"one"),)),
        SinkPart("tcp-sink-2", 1, (frames_of(state, "tcp-sink-2-0", b"other"),)),
        SinkPart("own", 1, ("a text", {"file": "x"}, {"file": ["x"], "checksum": "y"})),
    )
    note_connector(state.cluster_path / "sinks" / "own-0", Own())
    (state.cluster_path / "sinks" / "tcp-sink-old").mkdir()
    store = state.open_checkpoints("wc-1")
    store.choose(1, FIRST_CHECKPOINT, highest=0)
    store.write(CheckpointPart(CheckpointId(1, 1), "alpha", (), sinks, ()))
    store.record_committed(1)
    store.close()
    return state


def test_two_sinks_of_which_one_name_begins_with_the_other_are_whole(state: StateDirectory) -> None:
    assert verify(state) == []


@pytest.mark.parametrize("directory", ["tcp-sink-0", "tcp-sink-2-0"])
def test_the_damaged_one_is_named(directory: str, state: StateDirectory) -> None:
    path = state.cluster_path / "sinks" / directory / "000001.frames"
    path.write_bytes(b"flipped")

    assert verify(state) == [f"{path} is damaged: its checksum is wrong"]


def test_a_connector_of_the_authors_own_is_asked(state: StateDirectory) -> None:
    (state.cluster_path / "sinks" / "own-0" / "damaged").touch()

    assert verify(state) == ["own-0: x, ['x']"]


def test_a_connector_that_cannot_be_imported_is_named(state: StateDirectory) -> None:
    where = state.cluster_path / "sinks" / "own-0"
    (where / ".connector").write_text("no_such_module:Sink\n")

    (problem,) = verify(state)
    assert "own-0 is not verified: no_such_module:Sink cannot be imported" in problem


def test_a_damaged_journal_of_a_source_is_named(state: StateDirectory) -> None:
    where = state.cluster_path / "sources" / "in" / "partition"
    where.mkdir(parents=True)
    (where / f"{0:016d}.journal").write_bytes(b"not a journal, and long enough")
    assert verify(state) == [], "nobody has said that it is one"
    note_connector(where.parent, TcpSource("127.0.0.1:1"))

    (problem,) = verify(state)
    assert ".journal is damaged" in problem
