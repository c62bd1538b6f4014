"""What an operator can have done to the members of a cluster, and what it would come to."""

import secrets
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import attrs

from wallarood.admin.orders import OrderRefusedError, check_listens
from wallarood.control.change.events import ChangeWanted
from wallarood.control.change.proposing.acknowledged import at_risk
from wallarood.control.replicas.ring import holder_of
from wallarood.model.change import ChangeKind
from wallarood.model.errors import RefusedError
from wallarood.model.ids import WorkerName
from wallarood.model.messages import ChangeRequest
from wallarood.model.topology import StageKind, Topology
from wallarood.planning.change import lost_output, moves, replan
from wallarood.planning.sources.journals import is_journalled
from wallarood.runtime.worker import Worker


@attrs.frozen
class ChangeOrders:
    """The orders to *worker* that change its cluster."""

    worker: Worker

    def grow(self, parameters: Mapping[str, str]) -> Any:
        """Say what would move if the workers in *names* joined, with *dry-run*.

        There is no order without: a worker joins by itself. Raises OrderRefusedError.
        """
        topology = self._topology()
        names = _names(parameters)
        if there := [each for each in names if each in topology.workers]:
            raise OrderRefusedError(f"{', '.join(there)} is a member of the cluster already")
        if not names:
            raise OrderRefusedError("expected the name of a worker that would join")
        if "dry-run" not in parameters:
            raise OrderRefusedError(
                f"a worker joins by itself: start {names[0]} with --join (worker.join); "
                "--dry-run says what would move"
            )
        workers = (*topology.workers, *names)
        try:
            after = replan(self.worker.application, topology, workers, epoch=topology.epoch + 1)
        except RefusedError as error:
            raise OrderRefusedError(error.message) from error
        plan = {"joining": list(names), "staying": list(topology.workers), "copied_ahead": True}
        return {**plan, **figures(topology, after)}

    def shrink(self, parameters: Mapping[str, str]) -> Any:
        """Have workers leave: those in *names*, or the last ones down to a count of *to*.

        With *dry-run* nothing is done. The answer says what is moved, and the name of the request.
        Raises OrderRefusedError: that cannot be.
        """
        topology = self._topology()
        leaving = _leaving(topology, parameters)
        stay = tuple(each for each in topology.workers if each not in leaving)
        if not stay:
            raise OrderRefusedError(
                "one worker must stay: to end the cluster, use wallarooctl shutdown"
            )
        try:
            after = replan(self.worker.application, topology, stay, epoch=topology.epoch + 1)
        except RefusedError as error:
            raise OrderRefusedError(error.message) from error
        plan = {"leaving": list(leaving), "staying": list(stay), "copied_ahead": True}
        plan |= self._figures(topology, after)
        if "dry-run" in parameters:
            return plan
        if missing := self.worker.node.missing:
            raise OrderRefusedError(f"all workers must be connected; missing: {', '.join(missing)}")
        if self.worker.node.active_round is None:
            raise OrderRefusedError(f"not possible while the worker is {self.worker.phase_text}")
        name, stamp = secrets.token_hex(8), self.worker.node.stamp
        self.worker.post(ChangeWanted(ChangeRequest(name, ChangeKind.SHRINK, leaving)))
        when = {"epoch": stamp.epoch, "round": stamp.round}
        return {"accepted": "shrink", "name": name, **when, **plan}

    def evict(self, parameters: Mapping[str, str]) -> Any:
        """Go on without the lost workers in *names*; what they had is taken from its copies.

        With *certified* they are known to be dead and their votes are not needed; *lose-output*
        says that output may be lost that only they could publish; *back-to* names a checkpoint that
        the cluster may go back to. With *dry-run* nothing is done. Raises OrderRefusedError.
        """
        topology = self._topology()
        names = _leaving(topology, {"names": parameters.get("names", "")})
        if there := [each for each in names if each not in self.worker.node.missing]:
            raise OrderRefusedError(f"{', '.join(there)} is connected: use wallarooctl shrink")
        stay = tuple(each for each in topology.workers if each not in names)
        try:
            after = replan(self.worker.application, topology, stay, epoch=topology.epoch + 1)
        except RefusedError as error:
            raise OrderRefusedError(error.message) from error
        plan = {
            "leaving": list(names),
            "staying": list(stay),
            **self._figures(topology, after),
        }
        plan["output"] = list(lost_output(self.worker.application, topology, names))
        plan["at_risk"] = self._at_risk(names)
        if "dry-run" in parameters:
            return plan
        _check_output(plan["output"], names, parameters)
        request = _request(ChangeKind.EVICT, names, parameters)
        self.worker.post(ChangeWanted(request))
        return {"accepted": "evict", "name": request.name, "epoch": topology.epoch, **plan}

    def replace(self, parameters: Mapping[str, str]) -> Any:
        """Let a worker with an empty state directory take the place of the one in *names*.

        It is to be started with `worker.join`. *certified*, *lose-output* and *back-to* are as for
        `evict`. With *dry-run* nothing is done. Raises OrderRefusedError: that cannot be.
        """
        topology = self._topology()
        names = _leaving(topology, {"names": parameters.get("names", "")})
        if len(names) > 1:
            raise OrderRefusedError("expected one worker: they are replaced one after the other")
        (lost,) = names
        if lost not in self.worker.node.missing:
            raise OrderRefusedError(
                f"{lost} is connected: stop it, and put its state directory aside "
                "(wallarood state reset)"
            )
        plan: dict[str, Any] = {
            "replacing": lost,
            "copy": holder_of(lost, topology.workers),
            "output": list(lost_output(self.worker.application, topology, names)),
            "at_risk": self._at_risk(names),
        }
        if "dry-run" in parameters:
            return plan
        _check_output(plan["output"], names, parameters)
        request = _request(ChangeKind.REPLACE, names, parameters)
        self.worker.post(ChangeWanted(request))
        return {"accepted": "replace", "name": request.name, "epoch": topology.epoch, **plan}

    def _at_risk(self, names: tuple[WorkerName, ...]) -> list[dict[str, Any]]:
        """What may be on no disk that is left, as far as this worker knows."""
        view, store = self.worker.node.machines.view, self.worker.checkpoints
        change = view.record.change if view is not None else None
        known = store.committed.number if store is not None else 0
        if view is None or change is None or known > change.basis.number:
            return []
        found = at_risk(view.record, names, {}, journalled=view.journalled)
        return [{**attrs.asdict(each), "back_to": change.basis.number} for each in found]

    def _figures(self, before: Topology, after: Topology) -> dict[str, Any]:
        """What moves; of partitions also whether they have journals."""
        found, application = figures(before, after), self.worker.application
        heads = {stage.name: stage.steps[0] for stage in before.stages}
        for move in found["moves"]:
            if move["partitions"]:
                move["journals"] = is_journalled(application.step(heads[move["stage"]]))
        return found

    def _topology(self) -> Topology:
        check_listens(self.worker)
        record = self.worker.node.record
        if record is None:
            raise OrderRefusedError(f"not possible while the worker is {self.worker.phase_text}")
        return record.topology


def _request(
    kind: ChangeKind, names: tuple[WorkerName, ...], parameters: Mapping[str, str]
) -> ChangeRequest:
    """What is asked for, where workers are lost. Raises OrderRefusedError: it is not well said."""
    back_to = parameters.get("back-to", "")
    if back_to and not back_to.isdecimal():
        raise OrderRefusedError(f"found --back-to {back_to}, expected the number of a checkpoint")
    return ChangeRequest(
        secrets.token_hex(8),
        kind,
        names,
        certified="certified" in parameters,
        lose_output="lose-output" in parameters,
        back_to=int(back_to) if back_to else None,
    )


def _check_output(
    output: Collection[str], names: Iterable[WorkerName], parameters: Mapping[str, str]
) -> None:
    """Raises OrderRefusedError: output would be lost, and that was not said."""
    if output and "lose-output" not in parameters:
        raise OrderRefusedError(
            f"{', '.join(names)} wrote output ({', '.join(output)}): what was "
            "committed and not published there by the last checkpoint is lost; "
            "--lose-output goes on without it"
        )


def _leaving(topology: Topology, parameters: Mapping[str, str]) -> tuple[WorkerName, ...]:
    workers = topology.workers
    if "to" in parameters:
        count = int(parameters["to"]) if parameters["to"].isdecimal() else 0
        if not 1 <= count < len(workers):
            raise OrderRefusedError(
                f"found --to {parameters['to']}: the cluster has {len(workers)} workers, expected "
                f"a number from 1 to {len(workers) - 1}"
            )
        return workers[count:]
    names = _names(parameters)
    unknown = [each for each in names if each not in workers]
    if unknown or not names:
        raise OrderRefusedError(
            f"{', '.join(unknown) or 'no worker'} is not a member of the cluster; its members are "
            + ", ".join(workers)
        )
    return names


def _names(parameters: Mapping[str, str]) -> tuple[WorkerName, ...]:
    return tuple(dict.fromkeys(filter(None, parameters.get("names", "").split(","))))


def figures(before: Topology, after: Topology) -> dict[str, Any]:
    """What moves between workers from one topology to the other, as a JSON value."""
    slots = sum(
        len(stage.partition_owners)
        for stage in before.stages
        if stage.kind is StageKind.PARTITIONED
    )
    moved = moves(before, after)
    return {
        "slots": slots,
        "moving": sum(len(each.slots) for each in moved),
        "moves": [
            {
                "stage": before.stages[each.stage].name,
                "from": each.source,
                "to": each.target,
                "slots": len(each.slots),
                "partitions": list(each.partitions),
            }
            for each in moved
        ],
    }
