"""What a worker does at start, by what is on disk and what it is told."""

import pytest

from wallarood.control.formation.startup import (
    AskFor,
    Decision,
    FormNew,
    GoOn,
    Role,
    Stop,
    decide,
    role_in,
)
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.topology import Topology

APP = ("application a",)


def record(state: RecordState, fingerprint: tuple[str, ...] = APP) -> ClusterRecord:
    topology = Topology(1, "a", ("alpha", "beta"), (), ())
    return ClusterRecord("wc-1", state, "beta", "alpha", fingerprint, topology, ())


def choose(
    found: ClusterRecord | None,
    wanted: str | None,
    worker: str = "beta",
    role: Role = Role.JOINER,
) -> Decision:
    return decide(found, wanted, worker=worker, fingerprint=APP, role=role)


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


@pytest.mark.parametrize("wanted", [None, "auto", "wc-1"])
def test_a_worker_in_doubt_is_not_made_the_initializer(wanted: str | None) -> None:
    decision = choose(record(RecordState.PREPARED), wanted, role=Role.INITIALIZER)
    assert isinstance(decision, Stop)
    assert decision.error.exit_code == 76
    assert "in doubt here: alpha proposed it" in decision.error.message


def test_another_initializer_of_a_cluster_that_has_begun_changes_nothing() -> None:
    found = record(RecordState.STARTED)
    assert choose(found, "auto", role=Role.INITIALIZER) == GoOn(found)
    assert role_in(found) is Role.JOINER


def test_another_initializer_of_a_cluster_that_has_not_begun_forms_a_new_one() -> None:
    found = record(RecordState.COMMITTED)
    assert choose(found, None, role=Role.INITIALIZER) == FormNew(found)


def test_the_directory_of_another_worker_is_refused() -> None:
    decision = choose(record(RecordState.COMMITTED), "auto", worker="gamma")
    assert isinstance(decision, Stop)
    assert "belongs to worker beta" in decision.error.message


def test_another_application_is_refused_with_the_difference() -> None:
    decision = choose(record(RecordState.COMMITTED, ("application b",)), "auto")
    assert isinstance(decision, Stop)
    assert "- application b" in decision.error.message
    assert "+ application a" in decision.error.message
