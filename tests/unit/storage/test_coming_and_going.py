"""Keys that come and go under a time to live, through checkpoints: what is stored stays bounded."""

from pathlib import Path
from typing import Any

import pytest
from support.timed import SECOND, Driven, computation

from wallarood.flow.timed.computation import TimedComputation
from wallarood.flow.timed.rows import Row
from wallarood.model.checkpoint import FIRST_CHECKPOINT, CheckpointId, CheckpointPart
from wallarood.model.timing.computations import TimedSpec
from wallarood.storage.checkpoint_files import create_checkpoints, open_checkpoints

CLUSTER = "wc-0123456789abcdef0123"
FRESH, LIVES, ROUNDS = 300, 8, 40


class Seen:
    count = 0


def seen(record: Any, state: Seen, timers: Any) -> int:
    """Count the records of a key."""
    state.count += 1
    return state.count


@pytest.mark.parametrize("late", [False, True], ids=["in time", "heard of late"])
def test_checkpoints_of_keys_that_come_and_go_stay_as_large_as_those_that_live(
    tmp_path: Path, late: bool
) -> None:
    """In each round keys come, and before it is encoded others expire one after the other."""
    create_checkpoints(tmp_path / "checkpoints.db", CLUSTER)
    store = open_checkpoints(tmp_path / "checkpoints.db", CLUSTER)
    store.choose(1, FIRST_CHECKPOINT, highest=0)
    made = computation(TimedSpec(False, ttl=LIVES * SECOND), seen, state=Seen, with_key=False)
    work = Driven(TimedComputation, made, Row, stamped=False)
    largest, chains = [], []
    for number in range(1, ROUNDS + 1):
        work.wall(number)
        fresh = [(f"key-{number}-{each}", 0, None) for each in range(FRESH)]
        work.feed(fresh)
        known = max(0, number - 1 - late)
        work.state.capture(number, known)
        if late and number > 1:
            work.state.committed(number - 1)
        work.wall(number + 0.5)  # those whose time is over go while nothing is encoded yet
        while work.state.capturing:
            work.state.encode_some()
        state = work.state.finish()
        store.write(CheckpointPart(CheckpointId(1, number), "alpha", (), (), (state,)))
        store.record_committed(number)
        if not late:
            work.state.committed(number)
        restored = store.restore(number).chunks["work"]
        largest.append(sum(map(len, state.chunks)))
        chains.append(sum(map(len, restored)))
    settled = 2 * LIVES
    base = 50 * FRESH * LIVES
    assert max(largest[settled:]) < base
    assert max(chains[settled:]) < 2.5 * base
    assert len(work.state.by_key) <= FRESH * (LIVES + 2)
    log = 5 << 20  # SQLite's own begins again from the start at about 4 MiB
    assert sum(each.stat().st_size for each in tmp_path.iterdir()) < 5 * base + log
