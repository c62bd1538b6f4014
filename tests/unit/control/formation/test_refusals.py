"""Who may say that a cluster in doubt will never be."""

from support.nodes import founding

from wallarood.control.effects import PersistNever, SendOnConnection
from wallarood.control.events import ConnectionMessage
from wallarood.control.formation.initializer import Initializer
from wallarood.control.formation.joiner import Joiner
from wallarood.model.messages import Inquiry, Never, Refused


def said(machine: Initializer | Joiner, inquiry: Inquiry) -> list[object]:
    effects = machine.step(ConnectionMessage(1, inquiry), 1.0)
    return [each.message if isinstance(each, SendOnConnection) else each for each in effects]


def test_an_initializer_does_not_know_what_became_of_the_proposal_of_another() -> None:
    answers = said(Initializer(founding("delta"), 0.0), Inquiry("wc-1", "beta", "alpha"))
    (refused,) = [each for each in answers if isinstance(each, Refused)]
    assert "start alpha with --topology-initializer" in refused.reason
    assert PersistNever("wc-1") not in answers


def test_a_cluster_that_is_not_in_doubt_is_given_up_by_any_initializer_that_lacks_it() -> None:
    answers = said(Initializer(founding("delta"), 0.0), Inquiry("wc-1", "beta"))
    assert answers == [PersistNever("wc-1"), Never("wc-1")]


def test_a_joiner_says_what_became_of_its_own_proposal() -> None:
    answers = said(Joiner(founding("alpha"), 0.0), Inquiry("wc-1", "beta", "alpha"))
    assert answers == [PersistNever("wc-1"), Never("wc-1")]
