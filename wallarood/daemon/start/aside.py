"""What a worker does with what it has of a cluster that goes on without it."""
# Theory of operation
# ===================
# It notes why, and archives its state. One that was told to leave then ends with 0, and stays away
# until it is started by an operator, whatever its configuration. If it is killed before it has
# ended, whoever watches it starts it once more, where nothing is left but the note: that says that
# it has yet to end, and so it does.

import attrs
import structlog

from wallarood.config.keys import Config
from wallarood.control.change.effects import SetAside
from wallarood.daemon.start.choice import TO_JOIN_AGAIN
from wallarood.model.errors import RefusedError
from wallarood.storage.archives import Evicted, note_evicted, read_evicted
from wallarood.storage.state_directory import StateDirectory

log = structlog.get_logger(__name__)


def put_aside(config: Config, state: StateDirectory, aside: SetAside) -> bool:
    """Archive the cluster of *state*; whether this worker joins it anew.

    Raises RefusedError: it was evicted, and is not configured to join.
    """
    left, members = not aside.exit_code, tuple(member.control for member in aside.members)
    note_evicted(state.path, Evicted(aside.reason, members, ends=left))
    where = state.archive_unread()
    log.info("the state of this worker is archived", file=str(where))
    if left:
        return not has_left(state)
    if not config["worker.join"]:
        raise RefusedError(f"{aside.reason}; to join again as another, {TO_JOIN_AGAIN}")
    log.info("joining the cluster as another member")
    return True


def has_left(state: StateDirectory) -> bool:
    """Whether this worker has left its cluster and is to end for that, which it is to do once."""
    noted = read_evicted(state.path)
    if noted is None or not noted.ends or state.load_record() is not None:
        return False
    note_evicted(state.path, attrs.evolve(noted, ends=False))
    log.info("this worker ends", reason=noted.reason)
    return True
