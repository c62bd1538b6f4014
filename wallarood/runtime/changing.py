"""What a change of the cluster does to this worker: votes, staging, the step to the next epoch."""

from wallarood.control.change.effects import OfAChange
from wallarood.model.errors import LocalProtocolError
from wallarood.runtime.worker import Worker


def perform_change(worker: Worker, effect: OfAChange) -> None:
    """Carry out an effect of a change. No cluster changes as long as nothing plans for it.

    Raises LocalProtocolError: it does all the same.
    """
    name = worker.member.name
    raise LocalProtocolError(f"{name} cannot carry out {type(effect).__name__} yet")
