"""Who has joined an initializer."""

from wallarood.control.effects import Close, Report, SendOnConnection
from wallarood.control.formation.joined import Joined
from wallarood.model.ids import Incarnation, parse_address
from wallarood.model.messages import Heartbeat, Join, Member, Proposal
from wallarood.model.topology import Topology

ADDRESS = parse_address("127.0.0.1:1")
PROPOSAL = Proposal("wc-1", (), Topology(0, "app", (), (), ()), (), ())


def join(name: str, life: int = 1, nonce: str = "n") -> Join:
    member = Member(name, ADDRESS, ADDRESS, Incarnation(life, "x"))
    return Join(member, nonce, "app", (), 1, 3, False, ())


def test_a_name_that_another_process_has_is_not_taken_before_that_one_was_asked() -> None:
    joined = Joined()
    joined.take(1, join("beta"))
    assert joined.ask_if_taken(2, join("beta", 2), until=5.0) == [
        SendOnConnection(1, Heartbeat(()))
    ]
    assert joined.deadline == 5.0
    assert joined.take_due(4.9) == []
    (newcomer,) = joined.take_due(5.0)
    assert joined.take(newcomer.connection, newcomer.join) == [
        Close(1),
        Report("beta has joined"),
    ]
    assert joined.name_on(2) == "beta"
    assert joined.name_on(1) is None


def test_one_that_answers_keeps_its_name() -> None:
    joined = Joined()
    joined.take(1, join("beta"))
    joined.ask_if_taken(2, join("beta", 2), until=5.0)
    refusal = joined.alive(1)
    assert Close(2) in refusal
    assert joined.take_due(9.0) == []


def test_the_same_process_need_not_wait() -> None:
    joined = Joined()
    joined.take(1, join("beta"))
    assert joined.ask_if_taken(2, join("beta"), until=5.0) == []


def test_a_worker_that_joins_again_hears_the_proposal_unless_it_is_prepared() -> None:
    joined = Joined()
    joined.take(1, join("beta"))
    joined.proposed(PROPOSAL)
    assert joined.again(2, join("beta"), PROPOSAL) == [Close(1), SendOnConnection(2, PROPOSAL)]
    assert joined.unprepared == ["beta"]
    joined.prepare(2)
    assert joined.unprepared == []
    assert joined.again(3, join("beta"), PROPOSAL) == [Close(2)]


def test_another_nonce_is_another_process() -> None:
    joined = Joined()
    joined.take(1, join("beta"))
    assert joined.again(2, join("beta", 2, "m"), PROPOSAL) is None
    assert joined.name_on(2) == "beta"
