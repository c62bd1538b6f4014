"""What a worker does at start, by what is on disk and what it is told."""

import pytest

from wallarood.control.formation.startup import AskFor, Decision, FormNew, GoOn, Stop, decide
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.topology import Topology

APP = ("application a",)


def record(state: RecordState, fingerprint: tuple[str, ...] = APP) -> ClusterRecord:
    topology = Topology(1, "a", ("alpha", "beta"), (), ())
    return ClusterRecord("wc-1", state, "beta", "alpha", fingerprint, topology, ())


def choose(found: ClusterRecord | None, wanted: str | None, worker: str = "beta") -> Decision:
    return decide(found, wanted, worker=worker, fingerprint=APP)


@pytest.mark.parametrize("wanted", [None, "auto"])
def test_an_empty_directory_forms_a_new_cluster(wanted: str | None) -> None:
    assert choose(None, wanted) == FormNew()


def test_a_wanted_cluster_that_is_not_here_is_asked_for() -> None:
    assert choose(None, "wc-1") == AskFor("wc-1")
    assert choose(record(RecordState.STARTED), "wc-2") == AskFor("wc-2")


@pytest.mark.parametrize("wanted", [None, "auto", "wc-1"])
@pytest.mark.parametrize("state", [RecordState.PREPARED, RecordState.COMMITTED])
def test_an_interrupted_founding_goes_on_whatever_the_flag(
    state: RecordState, wanted: str | None
) -> None:
    found = record(state)
    assert choose(found, wanted) == GoOn(found)


def test_a_cluster_that_has_run_is_archived_without_its_id() -> None:
    found = record(RecordState.STARTED)
    assert choose(found, None) == FormNew(found)


@pytest.mark.parametrize("wanted", ["auto", "wc-1"])
def test_a_cluster_that_has_run_is_rejoined_with_its_id(wanted: str) -> None:
    found = record(RecordState.STARTED)
    assert choose(found, wanted) == GoOn(found)


def test_the_directory_of_another_worker_is_refused() -> None:
    decision = choose(record(RecordState.COMMITTED), "auto", worker="gamma")
    assert isinstance(decision, Stop)
    assert "belongs to worker beta" in decision.error.message


def test_another_application_is_refused_with_the_difference() -> None:
    decision = choose(record(RecordState.COMMITTED, ("application b",)), "auto")
    assert isinstance(decision, Stop)
    assert "- application b" in decision.error.message
    assert "+ application a" in decision.error.message
