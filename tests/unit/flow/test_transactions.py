"""What a sink has prepared: listed by every checkpoint until it is published, in its order."""

from wallarood.flow.transactions import Transactions


def test_a_transaction_is_due_when_a_checkpoint_that_holds_it_is_committed() -> None:
    transactions = Transactions()
    transactions.add("a")
    assert not transactions.due(100)  # no checkpoint lists it yet
    assert transactions.held_by(4) == ("a",)
    assert not transactions.due(3)
    assert transactions.due(4)
    assert transactions.due(5)


def test_what_is_prepared_for_an_abandoned_checkpoint_is_carried_by_the_next() -> None:
    transactions = Transactions()
    transactions.add("a")
    assert transactions.held_by(1) == ("a",)  # checkpoint 1 is abandoned
    transactions.add("b")
    assert transactions.held_by(2) == ("a", "b")
    assert transactions.all_due(2) == ["a", "b"]


def test_an_abandoned_checkpoint_that_proves_committed_publishes_only_what_it_holds() -> None:
    transactions = Transactions()
    transactions.add("a")
    transactions.held_by(1)
    transactions.add("b")
    transactions.held_by(2)
    assert transactions.all_due(1) == ["a"]
    transactions.published()
    assert not transactions.due(1)
    assert transactions.due(2)


def test_they_are_published_in_their_order_and_listed_until_then() -> None:
    transactions = Transactions()
    for each in ("a", "b"):
        transactions.add(each)
    transactions.held_by(1)
    assert transactions.oldest == "a"
    assert transactions.held_by(2) == ("a", "b")  # committed is not published
    transactions.published()
    assert transactions.oldest == "b"
    assert transactions.held_by(3) == ("b",)
    transactions.published()
    assert transactions.held_by(4) == ()
    assert not transactions.due(4)


def test_what_a_checkpoint_restored_is_due_at_once_and_goes_first() -> None:
    """It may have been published before the crash; to publish it again changes nothing."""
    transactions = Transactions(("old", "older"))
    assert transactions.due(0)
    transactions.add("new")
    assert transactions.all_due(0) == ["old", "older"]
    assert transactions.held_by(7) == ("old", "older", "new")
    assert transactions.all_due(6) == ["old", "older"]


def test_with_nothing_prepared_nothing_is_due() -> None:
    transactions = Transactions()
    assert transactions.held_by(1) == ()
    assert not transactions.due(1)
    assert transactions.all_due(1) == []
