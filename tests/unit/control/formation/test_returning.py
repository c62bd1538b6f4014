"""A founding that was interrupted goes on if all hold the cluster; never, if one does not."""

from support.nodes import founding, join, record, sent

from wallarood.control.effects import Archive, Formed, PersistNever, Report, SendOnConnection
from wallarood.control.formation.returning import Returning
from wallarood.model.cluster_record import RecordState
from wallarood.model.messages import Committed, Never

RECORD = record("alpha", "alpha", "beta", "gamma", state=RecordState.COMMITTED)
CLUSTER = RECORD.cluster_id


def test_all_but_the_initializer_are_absent_at_first() -> None:
    assert Returning(RECORD).absent == ["beta", "gamma"]
    assert Returning(None).absent == []


def test_who_holds_it_is_told_when_all_do() -> None:
    returning = Returning(RECORD)
    returning.holds("beta", 5)
    assert returning.absent == ["gamma"]
    returning.holds("gamma", None)  # it is attached, and asks nothing
    assert returning.absent == []
    assert returning.complete() == [SendOnConnection(5, Committed(CLUSTER)), Formed(RECORD)]


def test_who_has_hung_up_still_holds_it_but_is_not_told() -> None:
    returning = Returning(RECORD)
    returning.holds("beta", 5)
    returning.holds("gamma", 6)
    returning.lost(5)
    assert returning.absent == []
    assert sent(returning.complete()) == [(6, Committed(CLUSTER))]


def test_a_connection_that_nobody_asked_on_is_nothing() -> None:
    returning = Returning(RECORD)
    returning.holds("beta", 5)
    returning.lost(7)
    assert returning.asked == [5]


def test_that_it_will_never_be_is_durable_before_anybody_hears_of_it() -> None:
    returning = Returning(RECORD)
    returning.holds("gamma", 6)
    effects = returning.put_aside("beta")
    assert effects[:2] == [PersistNever(CLUSTER), Archive()]
    assert isinstance(effects[2], Report)
    assert "beta has put aside cluster" in effects[2].text
    assert sent(effects) == [(6, Never(CLUSTER))]


def test_only_a_member_that_starts_anew_can_put_it_aside() -> None:
    returning = Returning(RECORD)
    assert returning.refusal(founding("alpha"), join("beta")) == ""
    assert "is not one of them" in returning.refusal(founding("alpha"), join("delta"))
    wrong = returning.refusal(founding("alpha"), join("beta", worker_count=7))
    assert "another worker count" in wrong
    other = returning.refusal(founding("alpha"), join("beta", cluster_id="wc-other"))
    assert "wrong cluster ID: beta asks for wc-other" in other
    itself = returning.refusal(founding("alpha"), join("alpha"))
    assert "duplicate worker name" in itself
