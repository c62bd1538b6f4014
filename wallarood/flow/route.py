"""Which instance gets a record: the end of an edge, seen from one worker."""

from typing import Any

from wallarood.flow.keys import CACHE_KEYS_MAX, Partitioner
from wallarood.model.batch import Batch
from wallarood.model.ids import WorkerName
from wallarood.model.topology import Edge, Routing, Topology


class Router:
    """Splits batches for *edge* on *worker*. `targets` are all workers that marks must go to."""

    def __init__(self, edge: Edge, topology: Topology, worker: WorkerName) -> None:
        stage = topology.stages[edge.target]
        self.targets = (worker,) if edge.routing is Routing.FORWARD else stage.workers
        self._partition_of = Partitioner(max(1, len(stage.partition_owners)))
        self._owners = stage.partition_owners
        self._keyed = edge.routing is Routing.KEYED
        self._target_of_text: dict[str, int] = {}

    def split(self, batch: Batch) -> list[tuple[WorkerName, Batch]]:
        """The parts of *batch* by target, in the order of the records; no part is empty.

        Raises KeyTypeError: a key cannot be one.
        """
        if not batch.values:
            return []
        if not self._keyed:
            return [(self.targets[0], batch)]
        keys = batch.keys
        if keys is None:
            raise ValueError("a batch without keys on a keyed edge")
        if len(self.targets) == 1:
            for key in keys:
                if type(key) is not str:
                    self._partition_of(key)
            return [(self.targets[0], batch)]
        return self._parts(keys, batch.values)

    def _parts(self, keys: list[Any], values: list[Any]) -> list[tuple[WorkerName, Batch]]:
        parts = [Batch([], []) for _ in self.targets]
        columns = [
            (part.keys.append, part.values.append) for part in parts if part.keys is not None
        ]
        known = self._target_of_text
        if len(known) > CACHE_KEYS_MAX:
            known.clear()
        for key, value in zip(keys, values, strict=True):
            if type(key) is str:
                target = known.get(key, -1)
                if target < 0:
                    target = known[key] = self._owners[self._partition_of(key)]
            else:
                target = self._owners[self._partition_of(key)]
            add_key, add_value = columns[target]
            add_key(key)
            add_value(value)
        return [
            (worker, part) for worker, part in zip(self.targets, parts, strict=True) if part.values
        ]
