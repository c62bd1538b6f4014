"""What a worker leaves to the one that follows it in the same process, in the next epoch."""

from typing import TYPE_CHECKING

import attrs

from wallarood.control.worker_state import WorkerState
from wallarood.runtime.ports import RecordStore
from wallarood.runtime.worker import Worker

if TYPE_CHECKING:  # loaded when the cluster first changes: few ever do
    from wallarood.runtime.change.kept import Kept


@attrs.define
class Left:
    """The states in memory and the open store of a worker that has adopted a change, if any."""

    kept: "Kept | None" = None

    def take_from(self, worker: Worker, state: RecordStore) -> None:
        """Take them from a worker that has ended; what is of no use to another is closed.

        A store that is still called, as on a disk that hangs, ends with the process.
        """
        kept, store = worker.change.kept, worker.checkpoints
        adopts = worker.node.state is WorkerState.OUTDATED and worker.change.failure is None
        if kept is not None and store is not None and adopts:
            record = state.load_record()
            if record is not None and record.change == kept.change:
                kept.store, self.kept = store, kept
                return
        if store is not None and worker.turns.idle:
            store.close()

    def hand_to(self, worker: Worker) -> None:
        """Give them to the worker that follows, which has not begun."""
        kept, self.kept = self.kept, None
        if kept is not None:
            worker.change.kept, worker.checkpoints = kept, kept.store
