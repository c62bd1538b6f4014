"""What the machines of formation share: the cluster ID is made by all, and names one attempt."""

import hashlib
import itertools

import attrs
import pytest
from support.nodes import founding, join, proposal, record

from wallarood.control.formation.founding import (
    cluster_id_of,
    difference,
    in_question,
    next_nonce,
    prepared,
    propose,
    waiting_text,
)
from wallarood.model.cluster_record import RecordState
from wallarood.model.messages import PROTOCOL_VERSION, Contribution, Listing

GIVEN = (Contribution("alpha", "one"), Contribution("beta", "two"))


def test_the_cluster_id_does_not_depend_on_the_order_of_the_contributions() -> None:
    said = b"\0\0\0\5alpha\0\0\0\3one\0\0\0\4beta\0\0\0\3two"
    expected = "wc-" + hashlib.sha256(said).hexdigest()[:20]
    assert {cluster_id_of(each) for each in itertools.permutations(GIVEN)} == {expected}


@pytest.mark.parametrize(
    "others",
    [
        (),
        GIVEN[:1],
        (GIVEN[0], Contribution("beta", "other")),
        (GIVEN[0], Contribution("gamma", "two")),
        (Contribution("alph", "aone"), GIVEN[1]),
        (*GIVEN, Contribution("gamma", "")),
    ],
)
def test_any_other_contribution_makes_another_id(others: tuple[Contribution, ...]) -> None:
    assert cluster_id_of(others) != cluster_id_of(GIVEN)


def test_who_joins_says_who_it_is_and_what_it_runs() -> None:
    asks = founding("beta", wanted_cluster_id="wc-1", worker_count=2).join(nonce="n")
    assert (asks.member.name, asks.nonce, asks.application) == ("beta", "n", "app")
    assert (asks.protocol, asks.worker_count, asks.cluster_id) == (PROTOCOL_VERSION, 2, "wc-1")
    assert not asks.initializer


def test_a_proposal_holds_all_that_it_was_made_of() -> None:
    listed = (Listing("lines", ("a", "b")),)
    joins = [attrs.evolve(join("beta"), listings=listed), join("gamma")]
    made = propose(founding("alpha"), "mine", joins)
    assert made.contributions == (
        Contribution("alpha", "mine"),
        Contribution("beta", "nonce-beta-1"),
        Contribution("gamma", "nonce-gamma-1"),
    )
    assert made.cluster_id == cluster_id_of(made.contributions)
    assert made.listings == (("alpha", ()), ("beta", listed), ("gamma", ()))
    assert made.topology.workers == ("alpha", "beta", "gamma")
    assert [each.name for each in made.members] == ["alpha", "beta", "gamma"]


def test_a_proposal_is_recorded_as_prepared_by_whoever_agrees() -> None:
    made = proposal("alpha", "beta")
    kept = prepared(founding("beta"), made)
    assert (kept.cluster_id, kept.state) == (made.cluster_id, RecordState.PREPARED)
    assert (kept.worker, kept.initializer) == ("beta", "alpha")
    assert (kept.topology, kept.members) == (made.topology, made.members)


@pytest.mark.parametrize("state", RecordState)
@pytest.mark.parametrize("anew", [True, False])
def test_only_a_committed_record_at_a_start_without_an_id_is_in_question(
    state: RecordState, anew: bool
) -> None:
    asked = in_question(
        founding("alpha", forms_new=anew), record("alpha", "alpha", "beta", state=state)
    )
    assert asked == (anew and state is RecordState.COMMITTED)
    assert not in_question(founding("alpha", forms_new=anew), None)


def test_an_attempt_that_failed_leaves_no_nonce_behind() -> None:
    nonces = ["one"]
    for _ in range(5):
        nonces.append(next_nonce(nonces[-1]))
    assert len(set(nonces)) == 6
    assert all(len(each) == 32 for each in nonces[1:])


def test_who_is_waited_for_is_named() -> None:
    assert waiting_text(["beta", "gamma"], 3) == "waiting for 2 of 3 workers: beta, gamma"
    assert waiting_text([], 3) == ""


def test_two_applications_differ_in_these_lines() -> None:
    assert difference(("a", "b"), ("a", "c")) == "  - b\n  + c"
    assert difference(("a",), ("a",)) == ""
