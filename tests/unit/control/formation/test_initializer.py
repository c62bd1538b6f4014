"""The initializer: gathers, proposes, commits; what it says of a cluster is durable before."""

from typing import Any

import attrs
import pytest
from support.nodes import failure, founding, join, member, record, said, sent

from wallarood.control import effects as do
from wallarood.control import events as on
from wallarood.control.formation.founding import cluster_id_of
from wallarood.control.formation.initializer import Initializer, Phase
from wallarood.model import messages as say
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.errors import PeersGoneError, RefusedError

TRIO = ("alpha", "beta", "gamma")
BETA, GAMMA, NOW = 1, 2, 10.0
SETTINGS = founding("alpha", formation_deadline_s=60.0, name_taken_wait_s=2.0)
JOINS = (said(BETA, join("beta")), said(GAMMA, join("gamma")))
CLUSTER = cluster_id_of(
    (
        say.Contribution("alpha", "nonce-alpha"),
        say.Contribution("beta", "nonce-beta-1"),
        say.Contribution("gamma", "nonce-gamma-1"),
    )
)


def initializer(*events: on.Event, of: ClusterRecord | None = None, **options: Any) -> Initializer:
    """Alpha after *events*."""
    machine = Initializer(attrs.evolve(SETTINGS, **options), 0.0, of)
    machine.begin(0.0)
    for event in events:
        machine.step(event, NOW)
    return machine


def reports(effects: list[do.Effect]) -> list[str]:
    return [each.text for each in effects if isinstance(each, do.Report)]


def written(effects: list[do.Effect]) -> list[ClusterRecord]:
    return [each.record for each in effects if isinstance(each, do.Persist)]


# ---- gathering -----------------------------------------------------------------------------------


def test_all_that_have_joined_hear_who_is_there() -> None:
    machine = Initializer(SETTINGS, 0.0)
    alone = machine.begin(0.0)
    assert alone == [do.WaitingFor("waiting for 2 of 3 workers to join (here: alpha)")]
    effects = machine.step(JOINS[0], NOW)
    assert reports(effects) == ["beta has joined"]
    assert sent(effects) == [(BETA, say.Waiting(("alpha", "beta"), 3))]
    assert effects[-1] == do.WaitingFor("waiting for 1 of 3 workers to join (here: alpha, beta)")


def test_a_worker_that_goes_before_all_are_there_is_forgotten() -> None:
    machine = initializer(JOINS[0])
    effects = machine.step(on.ConnectionLost(BETA), NOW)
    assert reports(effects) == ["beta has gone before the cluster was formed"]
    assert sent(machine.step(JOINS[1], NOW)) == [(GAMMA, say.Waiting(("alpha", "gamma"), 3))]


def test_the_proposal_is_written_before_it_is_made() -> None:
    machine = initializer(JOINS[1])
    effects = machine.step(JOINS[0], NOW)
    (persist,) = [each for each in effects if isinstance(each, do.Persist)]
    assert (persist.record.state, persist.record.cluster_id) == (RecordState.PREPARED, CLUSTER)
    proposals = [(connection, message) for connection, message in sent(effects)]
    assert [connection for connection, _ in proposals] == [GAMMA, BETA]
    assert all(isinstance(message, say.Proposal) for _, message in proposals)
    assert effects.index(persist) < min(
        number for number, each in enumerate(effects) if sent([each])
    )
    assert machine.phase is Phase.PROPOSED


def test_the_order_in_which_they_join_does_not_matter() -> None:
    made = [initializer(first).step(last, NOW) for first, last in (JOINS, JOINS[::-1])]
    (one,), (other,) = map(written, made)
    assert one == other
    assert one.topology.workers == TRIO


def test_a_cluster_of_one_is_committed_at_once() -> None:
    machine = Initializer(attrs.evolve(SETTINGS, worker_count=1), 0.0)
    effects = machine.begin(0.0)
    first, last = written(effects)
    assert (first.state, last.state) == (RecordState.PREPARED, RecordState.COMMITTED)
    assert machine.phase is Phase.FORMED
    assert effects[-1] == do.Formed(last)


@pytest.mark.parametrize(
    ("asks", "reason"),
    [
        (join("beta", worker_count=4), "another worker count: beta expects 4 workers, alpha 3"),
        (join("beta", protocol=0), "beta speaks protocol version 0"),
        (join("beta", fingerprint=("x",)), "another application"),
        (join("beta", cluster_id="wc-1"), "wrong cluster ID: beta asks for wc-1"),
        (join("beta", initializer=True), "two initializers"),
        (join("alpha", 7), "duplicate worker name: alpha is the initializer itself"),
    ],
)
def test_who_does_not_fit_is_refused_and_told_why(asks: Any, reason: str) -> None:
    machine = initializer()
    effects = machine.step(said(9, asks), NOW)
    ((connection, refused),) = sent(effects)
    assert connection == 9
    assert isinstance(refused, say.Refused)
    assert reason in refused.reason
    assert do.Close(9) in effects
    assert machine.phase is Phase.GATHERING


def test_the_same_process_on_another_connection_takes_its_own_place() -> None:
    machine = initializer(JOINS[0])
    effects = machine.step(said(7, join("beta")), NOW)
    assert effects[0] == do.Close(BETA)
    assert sent(effects) == [(7, say.Waiting(("alpha", "beta"), 3))]


def test_a_second_worker_of_a_name_is_refused_if_the_first_is_alive() -> None:
    machine = initializer(JOINS[0])
    assert sent(machine.step(said(7, join("beta", 2)), NOW)) == [(BETA, say.Heartbeat(()))]
    assert machine.deadline == NOW + 2.0
    ((connection, refused),) = sent(machine.step(said(BETA, say.Heartbeat(())), NOW + 1.0))
    assert connection == 7
    assert "duplicate worker name: beta" in refused.reason


def test_a_second_worker_of_a_name_takes_the_place_if_the_first_says_nothing() -> None:
    machine = initializer(JOINS[0], said(7, join("beta", 2)))
    assert machine.step(on.TimerFired(), NOW + 1.9) == []
    effects = machine.step(on.TimerFired(), NOW + 2.0)
    assert effects[0] == do.Close(BETA)
    assert sent(effects) == [(7, say.Waiting(("alpha", "beta"), 3))]


def test_not_all_have_come_in_time() -> None:
    machine = initializer(JOINS[0])
    assert machine.deadline == 60.0
    with pytest.raises(PeersGoneError, match=r"within 60 s .*waiting for 1 of 3 workers to join"):
        raise failure(machine.step(on.TimerFired(), 60.0))
    assert machine.phase is Phase.FAILED


def test_a_member_of_an_existing_cluster_ends_an_initializer_with_an_empty_disk() -> None:
    """Else a second cluster would form beside the first."""
    attach = say.Attach(member("beta"), say.PROTOCOL_VERSION, "wc-old", 1)
    machine = initializer()
    effects = machine.step(said(7, attach), NOW)
    ((connection, busy),) = sent(effects)
    assert (connection, busy) == (7, say.Busy("alpha does not hold this cluster any more"))
    with pytest.raises(RefusedError, match="beta is a member of an existing cluster"):
        raise failure(effects)


# ---- the proposal --------------------------------------------------------------------------------


def test_the_cluster_exists_from_the_write_on_and_is_announced_after_it() -> None:
    machine = initializer(*JOINS)
    waiting = machine.step(said(BETA, say.Prepared(CLUSTER)), NOW)
    assert waiting == [do.WaitingFor("waiting for 1 of 3 workers: gamma")]
    persist, *then = machine.step(said(GAMMA, say.Prepared(CLUSTER)), NOW)
    assert isinstance(persist, do.Persist)
    assert persist.record.state is RecordState.COMMITTED
    assert sent(then) == [(BETA, say.Committed(CLUSTER)), (GAMMA, say.Committed(CLUSTER))]
    assert then[-1] == do.Formed(persist.record)
    assert machine.phase is Phase.FORMED


def test_who_agrees_to_another_proposal_has_agreed_to_nothing() -> None:
    machine = initializer(*JOINS)
    assert machine.step(said(BETA, say.Prepared("wc-other")), NOW) == []
    assert machine.step(said(GAMMA, say.Prepared(CLUSTER)), NOW) == [
        do.WaitingFor("waiting for 1 of 3 workers: beta")
    ]


def test_a_lost_connection_does_not_undo_a_proposal() -> None:
    machine = initializer(*JOINS, said(BETA, say.Prepared(CLUSTER)))
    assert machine.step(on.ConnectionLost(BETA), NOW) == []
    machine.step(said(GAMMA, say.Prepared(CLUSTER)), NOW)
    assert machine.phase is Phase.FORMED


def test_a_worker_in_doubt_that_asks_again_is_prepared() -> None:
    machine = initializer(*JOINS, said(BETA, say.Prepared(CLUSTER)))
    effects = machine.step(said(7, say.Inquiry(CLUSTER, "gamma", "alpha")), NOW)
    assert sent(effects) == [(BETA, say.Committed(CLUSTER)), (7, say.Committed(CLUSTER))]


def test_the_same_process_that_joins_again_is_proposed_to_again_unless_it_has_agreed() -> None:
    machine = initializer(*JOINS, said(BETA, say.Prepared(CLUSTER)))
    assert machine.step(said(8, join("beta")), NOW) == [do.Close(BETA)]
    close, again = machine.step(said(9, join("gamma")), NOW)
    assert close == do.Close(GAMMA)
    ((connection, message),) = sent([again])
    assert connection == 9
    assert isinstance(message, say.Proposal)
    assert message.cluster_id == CLUSTER


def gives_up(effects: list[do.Effect], why: str) -> None:
    """That it will never be is durable before anybody hears of it."""
    assert effects[:2] == [do.PersistNever(CLUSTER), do.Archive()]
    assert {message for _, message in sent(effects)} == {say.Never(CLUSTER)}
    assert reports(effects) == [f"the proposed cluster {CLUSTER} is abandoned: {why}"]


def test_a_worker_that_comes_back_as_another_process_ends_the_proposal() -> None:
    machine = initializer(*JOINS)
    gives_up(machine.step(said(8, join("gamma", 2)), NOW), "gamma restarted")
    assert machine.phase is Phase.GATHERING


def test_a_proposal_that_nobody_answers_ends_when_time_runs_out() -> None:
    machine = initializer(*JOINS, said(BETA, say.Prepared(CLUSTER)))
    assert machine.deadline == NOW + 60.0
    assert machine.step(on.TimerFired(), NOW + 59.0) == []
    gives_up(machine.step(on.TimerFired(), NOW + 60.0), "no answer from gamma")
    assert machine.deadline == NOW + 120.0


def test_an_id_never_names_two_attempts() -> None:
    machine = initializer(*JOINS, on.TimerFired())
    machine.step(on.TimerFired(), NOW + 60.0)
    machine.step(JOINS[0], NOW + 61.0)  # with the nonces that they had
    (again,) = written(machine.step(JOINS[1], NOW + 61.0))
    assert again.cluster_id != CLUSTER


def test_one_worker_more_is_refused_and_a_member_waits() -> None:
    machine = initializer(*JOINS)
    ((_, refused),) = sent(machine.step(said(9, join("delta")), NOW))
    assert "cluster is full; its 3 members are alpha, beta, gamma" in refused.reason
    attach = say.Attach(member("beta"), say.PROTOCOL_VERSION, CLUSTER, 1)
    assert sent(machine.step(said(9, attach), NOW)) == [
        (9, say.Busy("the cluster is not committed yet"))
    ]


# ---- afterwards ----------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", [say.Prepared(CLUSTER), say.Inquiry(CLUSTER, "beta", "alpha")])
def test_of_a_committed_cluster_it_says_so_as_often_as_it_is_asked(asked: Any) -> None:
    agreed = (said(BETA, say.Prepared(CLUSTER)), said(GAMMA, say.Prepared(CLUSTER)))
    machine = initializer(*JOINS, *agreed)
    for _ in range(2):
        assert sent(machine.step(said(8, asked), NOW)) == [(8, say.Committed(CLUSTER))]


def test_of_a_cluster_that_it_does_not_hold_it_says_never_once_that_is_durable() -> None:
    effects = initializer().step(said(7, say.Inquiry("wc-old", "beta", "alpha")), NOW)
    assert effects[0] == do.PersistNever("wc-old")
    assert sent(effects) == [(7, say.Never("wc-old"))]


def test_who_is_no_member_is_not_told_what_became_of_a_cluster() -> None:
    machine = initializer(*JOINS)
    ((_, refused),) = sent(machine.step(said(7, say.Inquiry(CLUSTER, "delta", "alpha")), NOW))
    assert f"delta is not a member of {CLUSTER}" in refused.reason


def test_a_message_of_a_running_cluster_comes_too_early() -> None:
    assert sent(initializer().step(said(7, say.Committed("wc-1")), NOW)) == [
        (7, say.Busy("not now"))
    ]


# ---- a cluster of which no round has begun here --------------------------------------------------

KNOWN = record("alpha", *TRIO, state=RecordState.COMMITTED)


def test_a_committed_cluster_is_gone_on_with() -> None:
    machine = Initializer(SETTINGS, 0.0, KNOWN)
    assert machine.begin(0.0) == [do.Formed(KNOWN)]
    ((_, refused),) = sent(machine.step(said(7, join("beta")), NOW))
    assert "beta is a member of" in refused.reason
    assert "holds no state of it" in refused.reason


def returned(*events: on.Event) -> Initializer:
    return initializer(*events, of=KNOWN, forms_new=True)


def test_started_anew_it_hears_all_members_before_it_goes_on() -> None:
    machine = Initializer(attrs.evolve(SETTINGS, forms_new=True), 0.0, KNOWN)
    assert machine.begin(0.0) == [do.WaitingFor("waiting for 2 of 3 workers: beta, gamma")]
    asked = say.Inquiry(KNOWN.cluster_id, "beta")
    assert machine.step(said(BETA, asked), NOW) == [
        do.WaitingFor("waiting for 1 of 3 workers: gamma")
    ]
    attach = say.Attach(member("gamma"), say.PROTOCOL_VERSION, KNOWN.cluster_id, 1)
    effects = machine.step(said(GAMMA, attach), NOW)
    assert sent(effects) == [
        (GAMMA, say.Busy("the cluster is coming back")),
        (BETA, say.Committed(KNOWN.cluster_id)),
    ]
    assert effects[-1] == do.Formed(KNOWN)
    assert machine.phase is Phase.FORMED


def test_if_one_has_put_it_aside_it_is_put_aside_here_and_everywhere() -> None:
    machine = returned(said(BETA, say.Inquiry(KNOWN.cluster_id, "beta")))
    effects = machine.step(said(GAMMA, join("gamma")), NOW)
    assert effects[:2] == [do.PersistNever(KNOWN.cluster_id), do.Archive()]
    assert sent(effects) == [
        (BETA, say.Never(KNOWN.cluster_id)),
        (GAMMA, say.Waiting(("alpha", "gamma"), 3)),
    ]
    assert machine.phase is Phase.GATHERING


def test_a_member_of_another_cluster_does_not_hold_it() -> None:
    machine = returned(said(BETA, say.Inquiry(KNOWN.cluster_id, "beta")))
    attach = say.Attach(member("gamma"), say.PROTOCOL_VERSION, "wc-other", 1)
    assert sent(machine.step(said(GAMMA, attach), NOW)) == [
        (GAMMA, say.Busy("the cluster is coming back"))
    ]
    assert machine.phase is Phase.RETURNED


def test_a_stranger_does_not_put_it_aside() -> None:
    machine = returned()
    ((_, refused),) = sent(machine.step(said(9, join("delta")), NOW))
    assert "is not one of them" in refused.reason
    assert machine.phase is Phase.RETURNED


def test_members_that_do_not_come_back_end_the_wait_and_nothing_else() -> None:
    machine = returned()
    effects = machine.step(on.TimerFired(), 60.0)
    with pytest.raises(PeersGoneError, match="waiting for 2 of 3 workers: beta, gamma"):
        raise failure(effects)
    assert do.Archive() not in effects
