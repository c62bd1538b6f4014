"""A worker that joins: in doubt from the moment it agrees until the initializer has answered."""

from typing import Any

import attrs
import pytest
from support.nodes import failure, founding, join, member, proposal, record, said, sent

from wallarood.control import effects as do
from wallarood.control import events as on
from wallarood.control.formation.founding import next_nonce
from wallarood.control.formation.joiner import Joiner, Phase
from wallarood.model import messages as say
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.errors import KeyRefusedError, PeersGoneError, RefusedError
from wallarood.model.topology import Topology

TRIO = ("alpha", "beta", "gamma")
PROPOSAL = proposal(*TRIO)
CLUSTER = PROPOSAL.cluster_id
DIALLED, HERE, NOW = 1, "beta", 10.0
SETTINGS = founding(HERE, formation_deadline_s=60.0, inquiry_interval_s=1.0)


def joiner(of: ClusterRecord | None = None, *events: on.Event, **options: Any) -> Joiner:
    """Beta, which has dialled the initializer, after *events*."""
    machine = Joiner(attrs.evolve(SETTINGS, **options), 0.0, of)
    for event in (on.ConnectionOpened(DIALLED, ""), *events):
        machine.step(event, NOW)
    return machine


def prepared(**options: Any) -> Joiner:
    return joiner(None, said(DIALLED, PROPOSAL), **options)


def test_it_looks_for_the_initializer_and_asks_on_every_connection() -> None:
    machine = Joiner(SETTINGS, 0.0)
    assert machine.begin(0.0) == [do.WaitingFor("looking for the initializer")]
    for connection in (1, 2):
        opened = machine.step(on.ConnectionOpened(connection, ""), NOW)
        assert sent(opened) == [(connection, SETTINGS.join(nonce="nonce-beta"))]
        machine.step(on.ConnectionLost(connection), NOW)
    assert machine.connection is None
    assert machine.phase is Phase.JOINING


def test_it_says_how_many_are_missing() -> None:
    machine = joiner()
    effects = machine.step(said(DIALLED, say.Waiting(("alpha", "beta"), 3)), NOW)
    assert effects == [do.WaitingFor("waiting for 1 of 3 workers to join")]
    assert sent(machine.step(said(DIALLED, say.Heartbeat(())), NOW)) == [
        (DIALLED, say.Heartbeat(()))
    ]


def test_it_writes_that_it_agrees_before_it_says_so() -> None:
    machine = joiner()
    persist, *then = machine.step(said(DIALLED, PROPOSAL), NOW)
    assert isinstance(persist, do.Persist)
    kept = persist.record
    assert (kept.cluster_id, kept.topology) == (CLUSTER, PROPOSAL.topology)
    assert (kept.state, kept.worker, kept.initializer) == (RecordState.PREPARED, "beta", "alpha")
    assert sent(then) == [(DIALLED, say.Prepared(CLUSTER))]
    assert then[-1] == do.WaitingFor(f"waiting for alpha to commit {CLUSTER}")
    assert machine.phase is Phase.PREPARED


def test_it_writes_that_the_cluster_is_committed_before_it_acts_on_it() -> None:
    machine = prepared()
    persist, report, formed = machine.step(said(DIALLED, say.Committed(CLUSTER)), NOW)
    assert isinstance(persist, do.Persist)
    assert persist.record.state is RecordState.COMMITTED
    assert isinstance(report, do.Report)
    assert formed == do.Formed(persist.record)
    assert machine.phase is Phase.FORMED
    assert machine.deadline is None


def others(**changes: Any) -> say.Proposal:
    return attrs.evolve(PROPOSAL, **changes)


@pytest.mark.parametrize(
    ("proposed", "wrong"),
    [
        (proposal("alpha", "gamma", "delta"), "this worker's contribution .* is missing"),
        (
            others(contributions=(*PROPOSAL.contributions[:2], say.Contribution("gamma", "x"))),
            "is not made of the contributions",
        ),
        (others(cluster_id="wc-0"), "wc-0 is not made of the contributions"),
        (
            others(topology=Topology(1, "app", ("alpha", "gamma", "beta"), (), ())),
            "its workers alpha, gamma, beta are not those who contributed",
        ),
        (
            others(topology=Topology(1, "other", TRIO, (), ())),
            "its topology is not the one that follows",
        ),
    ],
)
def test_it_agrees_to_nothing_that_it_cannot_check(proposed: say.Proposal, wrong: str) -> None:
    machine = joiner()
    effects = machine.step(said(DIALLED, proposed), NOW)
    assert isinstance(effects[0], do.Report)
    with pytest.raises(RefusedError, match=wrong):
        raise failure(effects)
    assert machine.phase is Phase.FAILED
    assert not [each for each in effects if isinstance(each, do.Persist)]


def test_a_proposal_that_comes_again_is_answered_again_but_no_other_one() -> None:
    machine = prepared()
    assert sent(machine.step(said(DIALLED, PROPOSAL), NOW)) == [(DIALLED, say.Prepared(CLUSTER))]
    assert machine.step(said(DIALLED, proposal("alpha", "beta")), NOW) == []
    machine.step(said(DIALLED, say.Committed(CLUSTER)), NOW)
    assert machine.phase is Phase.FORMED


@pytest.mark.parametrize("message", [say.Committed("wc-other"), say.Never("wc-other")])
def test_what_became_of_another_cluster_does_not_matter(message: say.Committed | say.Never) -> None:
    machine = prepared()
    assert machine.step(said(DIALLED, message), NOW) == []
    assert machine.phase is Phase.PREPARED


def test_in_doubt_it_asks_on_every_connection_and_again_and_again() -> None:
    machine = prepared()
    asked = say.Inquiry(CLUSTER, "beta", "alpha")
    machine.step(on.ConnectionLost(DIALLED), NOW)
    assert machine.step(on.TimerFired(), NOW + 1.0) == []  # nobody is there to be asked
    assert sent(machine.step(on.ConnectionOpened(2, ""), NOW + 1.0)) == [(2, asked)]
    assert machine.deadline == NOW + 2.0
    assert machine.step(on.TimerFired(), NOW + 1.9) == []
    assert sent(machine.step(on.TimerFired(), NOW + 2.0)) == [(2, asked)]
    assert machine.deadline == NOW + 3.0


def test_a_restart_in_doubt_asks_what_became_of_it() -> None:
    machine = Joiner(SETTINGS, 0.0, record("beta", *TRIO))
    assert machine.phase is Phase.PREPARED
    assert sent(machine.step(on.ConnectionOpened(1, ""), 0.0)) == [
        (1, say.Inquiry(CLUSTER, "beta", "alpha"))
    ]


def test_never_frees_it_and_it_joins_with_another_nonce() -> None:
    machine = prepared()
    archive, report, asks = machine.step(said(DIALLED, say.Never(CLUSTER)), NOW)
    assert archive == do.Archive()
    assert isinstance(report, do.Report)
    assert sent([asks]) == [(DIALLED, SETTINGS.join(nonce=next_nonce("nonce-beta")))]
    assert machine.phase is Phase.JOINING
    assert machine.deadline == NOW + 60.0


def test_a_committed_record_is_gone_on_with_at_once() -> None:
    known = record("beta", *TRIO, state=RecordState.COMMITTED)
    machine = Joiner(SETTINGS, 0.0, known)
    assert machine.begin(0.0) == [do.Formed(known)]
    assert machine.step(on.ConnectionOpened(1, ""), 0.0) == []


def test_started_anew_it_asks_about_a_cluster_of_which_no_round_has_begun() -> None:
    known = record("beta", *TRIO, state=RecordState.COMMITTED)
    machine = Joiner(attrs.evolve(SETTINGS, forms_new=True), 0.0, known)
    assert machine.phase is Phase.PREPARED
    opened = machine.step(on.ConnectionOpened(1, ""), 0.0)
    assert sent(opened) == [(1, say.Inquiry(CLUSTER, "beta", ""))]  # whoever leads now may answer


@pytest.mark.parametrize("phase", ["joining", "prepared"])
def test_a_refusal_ends_it_with_the_status_that_was_said(phase: str) -> None:
    for status, kind in (
        (RefusedError.exit_code, RefusedError),
        (KeyRefusedError.exit_code, KeyRefusedError),
    ):
        machine = joiner() if phase == "joining" else prepared()
        with pytest.raises(kind, match="not you"):
            raise failure(machine.step(said(DIALLED, say.Refused("not you", status)), NOW))
        assert machine.phase is Phase.FAILED
        assert machine.deadline is None


def test_time_runs_out_while_it_joins_and_says_what_to_look_at() -> None:
    machine = joiner()
    assert machine.deadline == 60.0
    assert machine.step(on.TimerFired(), 59.9) == []
    with pytest.raises(PeersGoneError, match="not found or lacks workers; check --control-channel"):
        raise failure(machine.step(on.TimerFired(), 60.0))


def test_time_runs_out_in_doubt_and_the_record_is_kept() -> None:
    machine = prepared()
    effects = machine.step(on.TimerFired(), NOW + 60.0)
    with pytest.raises(PeersGoneError, match="alpha did not say within 60 s whether cluster"):
        raise failure(effects)
    assert do.Archive() not in effects


@pytest.mark.parametrize(
    "late",
    [
        say.Waiting((), 3),
        PROPOSAL,
        say.Refused("x", 1),
        say.Committed(CLUSTER),
        say.Never(CLUSTER),
        say.Busy(""),
    ],
)
def test_once_formed_nothing_of_the_founding_matters(late: Any) -> None:
    machine = joiner(None, said(DIALLED, PROPOSAL), said(DIALLED, say.Committed(CLUSTER)))
    assert machine.step(said(DIALLED, late), NOW) == []
    assert machine.phase is Phase.FORMED


def test_who_takes_it_for_the_initializer_is_told_that_it_is_not() -> None:
    effects = joiner().step(said(7, join("gamma")), NOW)
    ((connection, refused),) = sent(effects)
    assert (connection, refused.reason) == (
        7, "beta is not the initializer: check --control-channel"
    )  # fmt: skip
    assert effects[-1] == do.Close(7)
    formed = joiner(record("beta", *TRIO, state=RecordState.COMMITTED))
    ((_, refused),) = sent(formed.step(said(7, join("delta")), NOW))
    assert f"beta is a member of {CLUSTER} and not the initializer" in refused.reason


def test_a_member_that_is_ahead_waits_until_it_is_committed_here_too() -> None:
    attach = say.Attach(member("gamma"), say.PROTOCOL_VERSION, CLUSTER, 1)
    ((connection, busy),) = sent(prepared().step(said(7, attach), NOW))
    assert (connection, busy) == (7, say.Busy("the cluster is not committed here yet"))


def test_of_its_own_proposal_that_it_does_not_hold_any_more_it_says_never() -> None:
    """It was the initializer then, and was made a joiner since."""
    effects = joiner().step(said(7, say.Inquiry("wc-old", "gamma", "beta")), NOW)
    assert effects[0] == do.PersistNever("wc-old")
    assert sent(effects) == [(7, say.Never("wc-old"))]
