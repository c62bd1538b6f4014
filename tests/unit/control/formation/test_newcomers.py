"""A name that is taken: who wants it waits until the one that has it has answered, or has not."""

from support.nodes import join, sent

from wallarood.control.effects import Close
from wallarood.control.formation.newcomers import Newcomer, Newcomers
from wallarood.model.messages import Refused

BETA, AGAIN = join("beta"), join("beta", 2)


def test_nobody_waits_at_first() -> None:
    newcomers = Newcomers()
    assert newcomers.deadline is None
    assert newcomers.take_due(1e9) == []
    assert newcomers.refuse("beta") == []


def test_a_name_that_is_defended_is_refused_to_the_newcomer() -> None:
    newcomers = Newcomers()
    newcomers.wait(5, BETA, until=2.0)
    effects = newcomers.refuse("beta")
    ((connection, refused),) = sent(effects)
    assert connection == 5
    assert isinstance(refused, Refused)
    assert "duplicate worker name: beta is connected and alive" in refused.reason
    assert effects[-1] == Close(5)
    assert newcomers.take_due(9.0) == []


def test_another_worker_that_is_alive_defends_its_own_name_only() -> None:
    newcomers = Newcomers()
    newcomers.wait(5, BETA, until=2.0)
    assert newcomers.refuse("gamma") == []
    assert newcomers.refuse(None) == []
    assert newcomers.take_due(2.0) == [Newcomer(5, BETA, 2.0)]


def test_a_name_that_is_not_defended_in_time_is_free_once() -> None:
    newcomers = Newcomers()
    newcomers.wait(5, BETA, until=2.0)
    assert newcomers.deadline == 2.0
    assert newcomers.take_due(1.9) == []
    assert newcomers.take_due(2.0) == [Newcomer(5, BETA, 2.0)]
    assert newcomers.take_due(2.0) == []
    assert newcomers.deadline is None


def test_each_name_has_its_own_time() -> None:
    newcomers = Newcomers()
    gamma = join("gamma")
    newcomers.wait(5, BETA, until=3.0)
    newcomers.wait(6, gamma, until=2.0)
    assert newcomers.deadline == 2.0
    assert newcomers.take_due(2.5) == [Newcomer(6, gamma, 2.0)]
    assert newcomers.deadline == 3.0


def test_a_newer_one_of_the_same_name_takes_the_place() -> None:
    newcomers = Newcomers()
    newcomers.wait(5, BETA, until=2.0)
    newcomers.wait(6, AGAIN, until=4.0)
    assert newcomers.take_due(9.0) == [Newcomer(6, AGAIN, 4.0)]


def test_who_hangs_up_does_not_wait_any_more() -> None:
    newcomers = Newcomers()
    newcomers.wait(5, BETA, until=2.0)
    newcomers.lost(6)
    assert newcomers.deadline == 2.0
    newcomers.lost(5)
    assert newcomers.deadline is None
