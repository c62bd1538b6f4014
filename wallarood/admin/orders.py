"""What an operator can have a worker do: take a checkpoint, drop one that is kept, end the cluster.

An order is accepted or refused at once. What comes of it shows in status, where the caller
looks for it.
"""

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import structlog

from wallarood.control.events import CheckpointWanted, DropWanted, ShutdownWanted
from wallarood.control.rounds.active_round import ActiveRound
from wallarood.control.worker_state import WorkerState
from wallarood.model.checkpoint import BEFORE_UPGRADE, PENDING
from wallarood.model.errors import WallaroodError
from wallarood.model.messages import Purpose, RequestCheckpoint
from wallarood.runtime.worker import Worker

NAME_CHARACTERS_MAX = 64

log = structlog.get_logger(__name__)

Order = Callable[[Mapping[str, str]], Any]


class OrderRefusedError(Exception):
    """The order cannot be carried out now; the message says why."""


def check_listens(worker: Worker) -> None:
    """Raises OrderRefusedError: *worker* has ended for a new epoch, and would not hear an order.

    The one that follows it in the process does.
    """
    if worker.node.state is WorkerState.OUTDATED:
        raise OrderRefusedError(f"not possible while the worker is {worker.phase_text}")


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
            "grow": self.grow,
            "shrink": self.shrink,
            "evict": self.evict,
            "replace": self.replace,
            "upgrade": self.upgrade,
        }

    def grow(self, parameters: Mapping[str, str]) -> Any:
        """Say what would move if workers joined; see `ChangeOrders.grow`."""
        # With the first such order: what it plans with is not needed before.
        from wallarood.admin.changing import ChangeOrders  # noqa: PLC0415

        return ChangeOrders(self.worker).grow(parameters)

    def shrink(self, parameters: Mapping[str, str]) -> Any:
        """Have workers leave the cluster; see `ChangeOrders.shrink`."""
        from wallarood.admin.changing import ChangeOrders  # noqa: PLC0415 - as above

        return ChangeOrders(self.worker).shrink(parameters)

    def evict(self, parameters: Mapping[str, str]) -> Any:
        """Go on without lost workers; see `ChangeOrders.evict`."""
        from wallarood.admin.changing import ChangeOrders  # noqa: PLC0415 - as above

        return ChangeOrders(self.worker).evict(parameters)

    def replace(self, parameters: Mapping[str, str]) -> Any:
        """Let another disk take the place of a lost one; see `ChangeOrders.replace`."""
        from wallarood.admin.changing import ChangeOrders  # noqa: PLC0415 - as above

        return ChangeOrders(self.worker).replace(parameters)

    def upgrade(self, parameters: Mapping[str, str]) -> Any:
        """Come to another version of the application; see `UpgradeOrders.upgrade`."""
        from wallarood.admin.upgrading import UpgradeOrders  # noqa: PLC0415 - as above

        return UpgradeOrders(self.worker).upgrade(parameters)

    def reload(self, _: Mapping[str, str]) -> Any:
        """Take over the configuration as it is now. Raises OrderRefusedError: it cannot be."""
        try:
            return {"accepted": "reload", "changed": self.read_again()}
        except WallaroodError as error:
            raise OrderRefusedError(error.message) from error

    def shut_down(self, _: Mapping[str, str]) -> Any:
        """End the whole cluster, after a checkpoint if there can be one in time.

        The answer's `absent` are the members that do not hear of it, and `within_s` is for how
        long the checkpoint is waited for.
        """
        check_listens(self.worker)
        absent = list(self.worker.node.missing)
        self.worker.post(ShutdownWanted(self.stop_s))
        return {"accepted": "shutdown", "absent": absent, "within_s": self.stop_s}

    def checkpoint(self, parameters: Mapping[str, str]) -> Any:
        """Take a checkpoint now; with *keep*, keep it under that name on all workers.

        The answer's `after` is a number: the first committed checkpoint above it is the one.

        Raises OrderRefusedError: there can be none now, or the name is in use or too long.
        """
        active, keep = self._active(), parameters.get("keep", "")
        if self.worker.node.completed:
            raise OrderRefusedError("the job is completed: its final checkpoint was the last one")
        self._check_name(keep)
        if keep in self._kept:
            raise OrderRefusedError(
                f"checkpoint {self._kept[keep]} is already kept as {keep!r}: "
                "drop it first (--drop), or choose another name"
            )
        self.worker.post(CheckpointWanted(RequestCheckpoint(Purpose.ASKED, keep)))
        return {"accepted": "checkpoint", "after": active.checkpoint_member.taken}

    def _check_name(self, keep: str) -> None:
        """Raises OrderRefusedError: no checkpoint can be kept as that.

        One for an upgrade has in its name what the new version drops, which may be much.
        """
        drop = None
        if keep.startswith(PENDING):
            from wallarood.planning.upgrade import lines_of, pending  # noqa: PLC0415 - as below

            drop = pending([keep])
        if drop is None:
            if len(keep) > NAME_CHARACTERS_MAX or not keep.isprintable():
                raise OrderRefusedError(
                    f"expected a name of at most {NAME_CHARACTERS_MAX} printable characters"
                )
            if keep == BEFORE_UPGRADE:
                raise OrderRefusedError(f"{keep!r} is the way back from an upgrade: choose another")
            return
        record = self.worker.node.record
        known = [line.name for line in lines_of(record.fingerprint)] if record is not None else []
        if unknown := [name for name in drop if name not in known]:
            raise OrderRefusedError(
                f"--drop {', '.join(map(repr, unknown))}: nothing of that name is kept; there are "
                f"{', '.join(map(repr, known)) or 'none'}"
            )

    def drop(self, parameters: Mapping[str, str]) -> Any:
        """Keep a checkpoint no longer, on all workers.

        Raises OrderRefusedError: there is none of that name, or a worker is not connected.
        """
        self._active()
        name = parameters.get("name", "")
        if name not in self._kept:
            names = ", ".join(map(repr, self._kept)) or "none"
            raise OrderRefusedError(f"no checkpoint is kept as {name!r}; kept checkpoints: {names}")
        self.worker.post(DropWanted(name))
        log.info("dropping a kept checkpoint", name=name, number=self._kept[name])
        return {"accepted": "drop"}

    @property
    def _kept(self) -> Mapping[str, int]:
        return self.worker.checkpoints.kept if self.worker.checkpoints is not None else {}

    def _active(self) -> ActiveRound:
        check_listens(self.worker)
        active = self.worker.node.active_round
        if active is None:
            raise OrderRefusedError(f"not possible while the worker is {self.worker.phase_text}")
        if missing := self.worker.node.missing:
            raise OrderRefusedError(f"all workers must be connected; missing: {', '.join(missing)}")
        return active
