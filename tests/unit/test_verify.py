"""Reading a whole state directory: what is damaged is named, and nothing else."""

from pathlib import Path

import pytest
from xxhash import xxh3_64_hexdigest

from wallarood.model.checkpoint import FIRST_CHECKPOINT, CheckpointId, CheckpointPart, SinkPart
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.ids import Address, Incarnation
from wallarood.model.messages import Member
from wallarood.model.topology import Topology
from wallarood.storage.state_directory import StateDirectory, open_state_directory
from wallarood.verify import verify

MEMBER = Member("alpha", Address("::1", 1), Address("h", 2), Incarnation(3, "n"))
TOPOLOGY = Topology(1, "app", ("alpha",), (), ())


def frames_of(state: StateDirectory, directory: str, content: bytes) -> dict[str, str]:
    """A file with *content* in the directory of a sink, and what is said of it at a checkpoint."""
    path = state.cluster_path / "sinks" / directory
    path.mkdir(parents=True)
    (path / "000001.frames").write_bytes(content)
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
    (state.cluster_path / "sinks" / "own-0").mkdir()
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
