"""A stop: only what brings its checkpoint further than any attempt before is progress."""

from wallarood.control.events import SnapshotWritten
from wallarood.control.rounds.checkpoint_member import CheckpointMember
from wallarood.daemon.stopping import _progress
from wallarood.model.batch import Barrier
from wallarood.model.checkpoint import CheckpointId, SinkPart
from wallarood.model.messages import RoundProposal
from wallarood.model.topology import Topology
from wallarood.runtime.dataflow.build.wiring import Wiring
from wallarood.runtime.dataflow.gate import Gate
from wallarood.runtime.dataflow.job import Job
from wallarood.runtime.dataflow.part_collector import PartCollector
from wallarood.runtime.worker import Round

ALONE = ("alpha",)
PART = SinkPart("sink", 0, ())


def a_round() -> Round:
    collector = PartCollector(
        "alpha", {0: "one sink", 1: "another"}, {}, 0, lambda: None, lambda _: None, lambda: None
    )
    made = Round(RoundProposal("attempt", 1, CheckpointId(0, 0), 0, (), 0))
    wiring = Wiring(Topology(1, "app", ALONE, (), ()), "alpha")
    made.job = Job(wiring, Gate(), {}, {}, {}, [], [], collector)
    return made


def test_checkpoints_before_that_of_the_stop_are_no_progress() -> None:
    running, member = a_round(), CheckpointMember("alpha", "alpha", committed=0)
    assert running.job is not None
    before = _progress(running, member)
    for number in (1, 2):
        running.job.collector.begin(Barrier(1, number))
        running.job.collector.sink_prepared(number, 0, PART)
        member.step(SnapshotWritten(number, 0), 0.0)
        assert _progress(running, member) == before


def test_another_attempt_is_no_progress_before_it_gets_further() -> None:
    running, member = a_round(), CheckpointMember("alpha", "alpha", committed=0)
    assert running.job is not None
    collector = running.job.collector
    running.stopping_at = 5
    seen = []
    for number in (5, 6, 7):
        collector.begin(Barrier(1, number))
        collector.sink_prepared(number, 0, PART)
        seen.append(_progress(running, member))
    assert seen == seen[:1] * 3
    collector.sink_prepared(7, 1, PART)
    assert _progress(running, member) > seen[0]
    member.step(SnapshotWritten(7, 0), 0.0)
    furthest = _progress(running, member)
    member.step(SnapshotWritten(8, 0), 0.0)
    assert furthest == _progress(running, member) > seen[0]
