"""What an operator can have a worker do: take a checkpoint, drop one that is kept, end the cluster.

An order is accepted or refused at once. What comes of it shows in status, where the caller
looks for it.
"""

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import structlog
import trio

from wallarood.control.effects import SendToMember
from wallarood.control.events import CheckpointWanted, Woken
from wallarood.model.errors import WallaroodError
from wallarood.model.messages import DropKept, Purpose, RequestCheckpoint
from wallarood.runtime.perform import perform
from wallarood.runtime.worker import Round, Worker

NAME_CHARACTERS_MAX = 64

log = structlog.get_logger(__name__)

Order = Callable[[Mapping[str, str]], Any]


class OrderRefusedError(Exception):
    """The order cannot be carried out now; the message says why."""


@attrs.frozen
class Orders:
    """The orders to *worker*.

    `stop_s` is how long the checkpoint of a shutdown may take; `read_again` reloads the
    configuration and returns what has changed.
    """

    worker: Worker
    stop_s: float
    read_again: Callable[[], list[str]]

    @property
    def by_name(self) -> dict[str, Order]:
        """All orders; each takes the parameters of the request and returns a JSON value."""
        return {
            "shutdown": self.shut_down,
            "checkpoint": self.checkpoint,
            "drop": self.drop,
            "reload": self.reload,
        }

    def reload(self, _: Mapping[str, str]) -> Any:
        """Take over the configuration as it is now. Raises OrderRefusedError: it cannot be."""
        try:
            return {"accepted": "reload", "changed": self.read_again()}
        except WallaroodError as error:
            raise OrderRefusedError(error.message) from error

    def shut_down(self, _: Mapping[str, str]) -> Any:
        """End the whole cluster, after a checkpoint if there can be one in time.

        The answer's `absent` are the members that do not hear of it.
        """
        membership = self.worker.membership
        absent = list(membership.missing) if membership is not None else []
        self.worker.ends_last = True
        self.worker.nursery.start_soon(self._shut_down)
        return {"accepted": "shutdown", "absent": absent}

    async def _shut_down(self) -> None:
        worker = self.worker
        whole = worker.membership is not None and not worker.membership.missing
        if worker.running is not None and whole and not worker.completed:
            worker.post(CheckpointWanted(RequestCheckpoint(Purpose.SHUTDOWN)))
            with trio.move_on_after(self.stop_s):
                await worker.may_leave.wait()
        if worker.membership is None:
            worker.finished = True
            worker.post(Woken())
        elif not worker.may_leave.is_set():
            perform(worker, worker.membership.shut_down())

    def checkpoint(self, parameters: Mapping[str, str]) -> Any:
        """Take a checkpoint now; with *keep*, keep it under that name on all workers.

        The answer's `after` is a number: the first committed checkpoint above it is the one.

        Raises OrderRefusedError: there can be none now, or the name is in use or too long.
        """
        running, keep = self._running(), parameters.get("keep", "")
        if self.worker.completed:
            raise OrderRefusedError("the job is completed: its final checkpoint was the last one")
        if len(keep) > NAME_CHARACTERS_MAX or not keep.isprintable():
            raise OrderRefusedError(
                f"expected a name of at most {NAME_CHARACTERS_MAX} printable characters"
            )
        if keep in self._kept:
            raise OrderRefusedError(
                f"checkpoint {self._kept[keep]} is already kept as {keep!r}: "
                "drop it first (--drop), or choose another name"
            )
        self.worker.post(CheckpointWanted(RequestCheckpoint(Purpose.ASKED, keep)))
        return {"accepted": "checkpoint", "after": running.snapshotter.taken}

    def drop(self, parameters: Mapping[str, str]) -> Any:
        """Keep a checkpoint no longer, on all workers.

        Raises OrderRefusedError: there is none of that name, or a worker is not connected.
        """
        self._running()
        name = parameters.get("name", "")
        if name not in self._kept:
            names = ", ".join(map(repr, self._kept)) or "none"
            raise OrderRefusedError(f"no checkpoint is kept as {name!r}; kept checkpoints: {names}")
        assert self.worker.record is not None
        workers = self.worker.record.topology.workers
        perform(self.worker, [SendToMember(worker, DropKept(name)) for worker in workers])
        log.info("dropping a kept checkpoint", name=name, number=self._kept[name])
        return {"accepted": "drop"}

    @property
    def _kept(self) -> Mapping[str, int]:
        return self.worker.checkpoints.kept if self.worker.checkpoints is not None else {}

    def _running(self) -> Round:
        worker = self.worker
        running = worker.running
        if running is None or worker.membership is None:
            raise OrderRefusedError(f"not possible while the worker is {worker.phase_text}")
        if missing := worker.membership.missing:
            raise OrderRefusedError(f"all workers must be connected; missing: {', '.join(missing)}")
        return running
