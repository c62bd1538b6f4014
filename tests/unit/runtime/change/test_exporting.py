"""What is read for another worker: the slots that it takes over, and no others."""

from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

import wallarood as w
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.state.moving import slot_of
from wallarood.flow.stored.encode import encode_states
from wallarood.model.change import PartName
from wallarood.model.checkpoint import CheckpointId, CheckpointPart, StatePart
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.messages.replicas import LAST, Chunk, ChunkGroup, PartHead, PartWanted
from wallarood.model.topology import Stage, StageKind, Topology
from wallarood.runtime.change import exporting
from wallarood.runtime.change.exporting import Exporter
from wallarood.runtime.change.kept import Gone
from wallarood.storage.state_directory import StateDirectory, open_state_directory

CLUSTER = "wc-0123456789abcdef0123"
PART = PartName(1, "alpha", 1, 1)
KEYS = list(range(40))


class Total:
    count = 0


@w.state_computation(state=Total)
def count(number: int, total: Total) -> int:
    return number


APPLICATION = w.application(
    "app", w.source("in", w.ListSource([])).key_by(abs).to(count).to_sink(w.ListSink([]))
)
STAGE = Stage(0, "s", StageKind.PARTITIONED, ("count",), "", ("alpha",), (0,) * 8)
TOPOLOGY = Topology(1, "app", ("alpha",), (STAGE,), ())
RECORD = ClusterRecord(CLUSTER, RecordState.STARTED, "alpha", "alpha", (), TOPOLOGY, ())


def stored(directory: Path) -> StateDirectory:
    state = open_state_directory(directory)
    state.create_checkpoints(CLUSTER)
    store = state.open_checkpoints(CLUSTER)
    store.choose(1, CheckpointId(0, 0), highest=0)
    chunks = tuple(
        b"".join(encode_states("count", KEYS[start::2], KEYS[start::2])) for start in (0, 1)
    )
    states = (StatePart("count", True, 0, chunks, 40), StatePart("other", True, 0, (b"all",), 1))
    store.write(CheckpointPart(CheckpointId(1, 1), "alpha", (), (), states))
    store.close()
    return state


def pieces_of(keys: list[int]) -> bytes:
    return b"".join(encode_states("count", keys, keys))


def read(
    state: StateDirectory, wanted: PartWanted, gone: Gone | None = None
) -> tuple[PartHead, list[Chunk]]:
    head, chunks = Exporter(state, RECORD, APPLICATION, {} if gone is None else gone).read(wanted)
    assert isinstance(chunks, Iterator)
    return head, [chunk for some in chunks for chunk in some]


def test_of_state_by_key_only_the_wanted_slots_are_sent(tmp_path: Path) -> None:
    state = stored(tmp_path / "state")
    head, chunks = read(state, PartWanted(PART, (("count", (2, 5)),)))
    assert head.chunks == len(chunks) == 2
    found = KeyedState("count", int)
    found.restore([chunk.data for chunk in chunks])
    assert dict(found.by_key) == {key: key for key in KEYS if slot_of(key, 8) in (2, 5)}
    state.close()


def test_what_has_no_slots_is_sent_whole(tmp_path: Path) -> None:
    state = stored(tmp_path / "state")
    _, chunks = read(state, PartWanted(PART, (("count", ()), ("other", ()))))
    found = KeyedState("count", int)
    found.restore([each.data for each in chunks if each.computation == "count"])
    assert sorted(found.by_key) == KEYS
    assert [each.data for each in chunks if each.computation == "other"] == [b"all"]
    state.close()


def test_what_is_there_is_not_sent_again_and_the_keys_of_both_are_noted(tmp_path: Path) -> None:
    state = stored(tmp_path / "state")
    gone: Gone = {}
    slots = (("count", (2, 5)),)
    store = state.open_checkpoints(CLUSTER)
    store.record_committed(1)
    first, chunks = read(state, PartWanted(attrs.evolve(PART, number=LAST), slots), gone)
    assert first.part == PART, "the last that is committed"
    assert sum(map(len, (each.data for each in chunks))) > 0
    moved = [key for key in KEYS if slot_of(key, 8) in (2, 5)]
    later = (b"".join(encode_states("count", [moved[0], 1000], [7, 7])),)
    part = StatePart("count", False, 1, later, 2)
    store.write(CheckpointPart(CheckpointId(1, 2), "alpha", (), (), (part,)))
    wanted = PartWanted(attrs.evolve(PART, number=2), slots, first.groups)
    _, chunks = read(state, wanted, gone)
    assert [(each.number, each.sequence) for each in chunks] == [(2, 0)]
    noted = gone["count", frozenset((2, 5))]
    assert {key for keys in noted.keys for key in keys} >= set(moved)
    assert noted.chunks == {(1, 0), (1, 1), (2, 0)}
    store.close()
    state.close()


def test_while_records_flow_the_reader_rests_after_each_piece_by_the_time_it_has_worked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(1000))
    slept: list[float] = []
    monkeypatch.setattr(exporting.time, "thread_time", lambda: float(next(clock)))
    monkeypatch.setattr(exporting.time, "sleep", slept.append)
    state = stored(tmp_path / "state")
    store = state.open_checkpoints(CLUSTER)
    part = (StatePart("count", True, 0, (pieces_of(KEYS) + pieces_of(KEYS),), 40),)
    store.write(CheckpointPart(CheckpointId(1, 2), "alpha", (), (), part))
    store.record_committed(2)
    read(state, PartWanted(attrs.evolve(PART, number=LAST), (("count", (2, 5)),)))
    assert slept == [exporting.REST] * 2, "a second was worked for each of two pieces"
    shared = Exporter(state, RECORD, APPLICATION, {}, None, {"another reader"})
    list(shared.read(PartWanted(attrs.evolve(PART, number=LAST), (("count", (1,)),)))[1])
    assert slept.pop() == slept.pop() == 2 * exporting.REST + 1, "two cost no more than one"
    assert shared.resting == {"another reader"}
    later = (ChunkGroup("count", 1, 1),)
    read(state, PartWanted(attrs.evolve(PART, number=LAST), (("count", (2, 5)),), later))
    assert slept.pop() == slept.pop() == exporting.REST_LATER, "it catches up"
    monkeypatch.setattr(exporting, "CHUNK_S", 0.0)
    read(state, PartWanted(attrs.evolve(PART, number=LAST), (("count", (2, 5)),)))
    assert len(slept) == 2, "whoever waits would take it for dead"
    read(state, PartWanted(attrs.evolve(PART, number=2), (("count", (2, 5)),)))
    assert len(slept) == 2, "nothing flows then"
    store.close()
    state.close()
