"""Which version of the application a change is for, and what it takes over of the one before."""

from collections.abc import Mapping

from wallarood.model.change import Change
from wallarood.model.errors import RefusedError
from wallarood.runtime.worker import Worker


def former_names(worker: Worker, change: Change) -> Mapping[str, str] | None:
    """The former name of each step that goes on in a new version; None: this is no upgrade.

    Raises RefusedError: what runs here is not the version that *change* is for. It may have been
    started since that was proposed.
    """
    if change.fingerprint != worker.application.fingerprint:
        raise RefusedError(
            f"it runs another version of the application than that of epoch {change.epoch}"
        )
    upgrade, record = worker.change.upgrade, worker.node.record
    if upgrade is None or record is None:
        return None
    return upgrade.former(record.fingerprint)
