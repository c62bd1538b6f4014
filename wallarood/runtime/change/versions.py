"""Which version of the application a change is for, and what it takes over of the one before."""

from collections.abc import Mapping

from wallarood.control.change.decided import goes_back
from wallarood.model.change import Change
from wallarood.model.errors import RefusedError
from wallarood.runtime.worker import Worker


def former_names(worker: Worker, change: Change) -> Mapping[str, str] | None:
    """The former name of each step that goes on in another version; None: there is none.

    Raises RefusedError: what runs here is not the version that *change* is for. It may have been
    started since that was proposed.
    """
    if change.fingerprint != worker.application.fingerprint:
        raise RefusedError(
            f"it runs another version of the application than that of epoch {change.epoch}: "
            "install that one there, and restart"
        )
    upgrade, record = worker.change.upgrade, worker.node.record
    if record is not None and record.back is not None and goes_back(record, change):
        # All goes on under its name, where it was.
        return {step: step for stage in record.back.topology.stages for step in stage.steps}
    if upgrade is None or record is None:
        return None
    return upgrade.former(record.fingerprint)
