"""What an operator can have done about versions of the application, and what it would come to."""

import secrets
from collections.abc import Mapping
from typing import Any

import attrs

from wallarood.admin.orders import OrderRefusedError, check_listens
from wallarood.control.change.events import ChangeWanted
from wallarood.control.change.proposing import objections
from wallarood.control.change.proposing.composing import NO_WAY_BACK
from wallarood.control.change.view import View
from wallarood.model.change import GOING_BACK, ChangeKind
from wallarood.model.checkpoint import BEFORE_UPGRADE
from wallarood.model.messages import ChangeRequest
from wallarood.planning.back import lost_by
from wallarood.runtime.worker import Worker


@attrs.frozen
class UpgradeOrders:
    """The orders to *worker* that bring its cluster to another version."""

    worker: Worker

    def upgrade(self, parameters: Mapping[str, str]) -> Any:
        """Bring the cluster to the new version that all workers run, once more.

        With *back* to the version before the last upgrade, if that runs on all: the answer says
        what is lost and on which workers another one runs, and has the name of the request unless
        there are any. With *dry-run* nothing is done. Raises OrderRefusedError: that cannot be.
        """
        check_listens(self.worker)
        view = self.worker.node.machines.view
        if view is None:
            raise OrderRefusedError(f"not possible while the worker is {self.worker.phase_text}")
        plan = self._back(view) if "back" in parameters else {"restart": []}
        if "dry-run" in parameters or plan["restart"]:
            return plan
        if view.away:
            raise OrderRefusedError(f"all workers must be connected; missing: {_names(view.away)}")
        kind = ChangeKind.BACK if "back" in parameters else ChangeKind.UPGRADE
        if reason := objections.to_version(view, kind):
            raise OrderRefusedError(reason)
        name = secrets.token_hex(8)
        self.worker.post(ChangeWanted(ChangeRequest(name, kind, ())))
        return {"accepted": kind.value, "name": name, "epoch": view.epoch, **plan}

    def _back(self, view: View) -> dict[str, Any]:
        way, store = view.record.back, self.worker.checkpoints
        if way is None:
            raise OrderRefusedError(NO_WAY_BACK)
        if store is not None and BEFORE_UPGRADE not in store.kept:
            raise OrderRefusedError(
                f"checkpoint {way.basis}, the last of the version before the upgrade, is not kept "
                f"any more on {view.me.name}: there is no way back"
            )
        return {
            "from": view.epoch,
            "checkpoint": way.basis.number,
            "committed": store.committed.number if store is not None else None,
            "restart": [n for n in view.workers if view.member(n).version not in GOING_BACK],
            "lost": list(lost_by(view.record, way, self.worker.application)),
        }


def _names(workers: tuple[str, ...]) -> str:
    return ", ".join(workers)
