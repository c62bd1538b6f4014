"""A recovery is one trace: a span for each worker in it, and one for each phase of that."""

from wallarood.control import effects as do
from wallarood.control.effects import Level
from wallarood.control.events import HoldingsRead, JobHalted, RoundWritten, TimerFired
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.messages import Holdings, RoundProposal
from wallarood.telemetry.rounds import PHASES_MAX, Recoveries
from wallarood.telemetry.spans import Span, Spans

PROPOSAL = RoundProposal("a", 4, CheckpointId(3, 7), 7, (), 1)
HOLDINGS = HoldingsRead(Holdings("a", 3, (), CheckpointId(3, 7), 7, 1))


def recoveries(*, worker: str = "alpha", leads: str = "alpha") -> Recoveries:
    return Recoveries(worker, Spans(), lambda: "c-1", lambda: worker == leads)


def recovered(of: Recoveries) -> dict[str, Span]:
    of.stepped(TimerFired(), [do.Report("lost contact with gamma", Level.WARNING), do.HaltJob()])
    of.stepped(JobHalted(), [do.ReadHoldings("a")])
    of.stepped(HOLDINGS, [do.WriteRound(PROPOSAL), do.PauseSources("gamma is away")])
    of.stepped(RoundWritten(4), [do.BeginRound(PROPOSAL)])
    of.ready(4)
    return {each.name: each for each in of.spans.take(99)}


PHASES = ("halt the job", "read what is held", "write the round", "restore")


def test_all_workers_tell_of_the_same_trace_and_the_leader_begins_it() -> None:
    ours, theirs = recovered(recoveries()), recovered(recoveries(worker="beta"))
    first = ours["recovery"]
    assert first.parent is None
    assert "recovery" not in theirs
    for name, found in (("alpha", ours), ("beta", theirs)):
        whole = found[f"recovery of {name}"]
        assert (whole.place.trace, whole.parent) == (first.place.trace, first.place.span)
        for phase in PHASES:
            assert found[phase].place.trace == first.place.trace
            assert found[phase].parent == whole.place.span
            assert whole.start_ns <= found[phase].start_ns <= found[phase].end_ns <= whole.end_ns
            assert found[phase].attributes["wallarood.round"] == 4


def test_what_an_operator_is_told_meanwhile_stands_in_it() -> None:
    whole = recovered(recoveries())["recovery of alpha"]
    texts = [text for _, text in whole.notes]
    assert texts == ["lost contact with gamma", "sources pause: gamma is away"]


def test_attempts_that_led_to_nothing_are_part_of_the_one_that_did_and_bounded() -> None:
    of = recoveries()
    for _ in range(PHASES_MAX):
        of.stepped(TimerFired(), [do.HaltJob()])
        of.stepped(JobHalted(), [do.ReadHoldings("a")])
        of.stepped(HOLDINGS, [])
    found = recovered(of)
    assert len([each for each in found if each.startswith("recovery")]) == 2
    assert of.spans.dropped == 0
    assert recovered(of)["recovery"].start_ns > found["recovery"].end_ns, "the next is another"


def test_a_round_that_no_recovery_led_to_is_not_told_of() -> None:
    of = recoveries()
    of.ready(1)
    assert not of.spans.waiting
