"""Which instance gets a record: the end of an edge, seen from one worker."""

from itertools import compress
from operator import not_
from typing import Any

from wallarood.flow.keys import CACHE_KEYS_MAX, KEY_TYPES_EXACT, Partitioner
from wallarood.model.batch import Batch
from wallarood.model.ids import WorkerName
from wallarood.model.topology import Edge, Routing, Topology


class _Targets(dict[Any, int]):
    """Key → index of the target, for keys of one type; found out once, and kept up to a bound."""

    def __init__(self, partition_of: Partitioner, owners: tuple[int, ...]) -> None:
        super().__init__()
        self._partition_of = partition_of
        self._owners = owners

    def __missing__(self, key: Any) -> int:
        if len(self) >= CACHE_KEYS_MAX:
            self.clear()
        target = self[key] = self._owners[self._partition_of(key)]
        return target


class Router:
    """Splits batches for *edge* on *worker*. `targets` are all workers that marks must go to."""

    def __init__(self, edge: Edge, topology: Topology, worker: WorkerName) -> None:
        stage = topology.stages[edge.target]
        self.targets = (worker,) if edge.routing is Routing.FORWARD else stage.workers
        self._partition_of = Partitioner(max(1, len(stage.partition_owners)))
        self._owners = stage.partition_owners
        self._keyed = edge.routing is Routing.KEYED
        # Python's 1 and True are one key of a dict, so each type has a dict of its own.
        self._known = {kind: _Targets(self._partition_of, self._owners) for kind in KEY_TYPES_EXACT}

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
        kinds = set(map(type, keys))
        if len(self.targets) == 1:
            if not kinds <= KEY_TYPES_EXACT:
                for key in keys:
                    self._partition_of(key)
            return [(self.targets[0], batch)]
        if len(kinds) == 1 and kinds <= KEY_TYPES_EXACT:
            chosen = list(map(self._known[kinds.pop()].__getitem__, keys))
        else:
            chosen = [self._owners[self._partition_of(key)] for key in keys]
        return self._parts(keys, batch.values, chosen)

    def _parts(
        self, keys: list[Any], values: list[Any], chosen: list[int]
    ) -> list[tuple[WorkerName, Batch]]:
        parts = _in_two(keys, values, chosen) if len(self.targets) == 2 else None
        if parts is None:
            parts = [Batch([], []) for _ in self.targets]
            columns = [
                (part.keys.append, part.values.append) for part in parts if part.keys is not None
            ]
            for key, value, target in zip(keys, values, chosen, strict=True):
                add_key, add_value = columns[target]
                add_key(key)
                add_value(value)
        return [
            (worker, part) for worker, part in zip(self.targets, parts, strict=True) if part.values
        ]


def _in_two(keys: list[Any], values: list[Any], chosen: list[int]) -> list[Batch]:
    """The parts for targets 0 and 1, without a step of Python for each record."""
    others = list(map(not_, chosen))
    return [
        Batch(list(compress(values, others)), list(compress(keys, others))),
        Batch(list(compress(values, chosen)), list(compress(keys, chosen))),
    ]
