"""Which instance gets a record: the end of an edge, seen from one worker."""

from itertools import compress
from operator import not_
from typing import Any

from wallarood.flow.keys import CACHE_KEYS_MAX, KEY_TYPES_EXACT, Partitioner, kind_of
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
        self._known: dict[type | None, _Targets] = {
            kind: _Targets(self._partition_of, self._owners) for kind in KEY_TYPES_EXACT
        }

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
        kind = batch.kind or kind_of(keys)
        known = self._known.get(kind)
        if len(self.targets) == 1:
            if known is None:
                for key in keys:
                    self._partition_of(key)
            return [(self.targets[0], batch)]
        if known is not None:
            chosen = list(map(known.__getitem__, keys))
        else:
            chosen = [self._owners[self._partition_of(key)] for key in keys]
        columns = (batch.values, keys)
        if len(self.targets) == 2:
            split = _in_two(columns, chosen)
        else:
            split = _in_many(columns, chosen, len(self.targets))
        return [
            (worker, Batch(values, own, kind))
            for worker, (values, own) in zip(self.targets, split, strict=True)
            if values
        ]


_Columns = tuple[list[Any], list[Any]]
"""Values and keys."""


def _in_many(columns: _Columns, chosen: list[int], targets: int) -> list[_Columns]:
    parts: list[_Columns] = [([], []) for _ in range(targets)]
    adds = [(values.append, keys.append) for values, keys in parts]
    for value, key, target in zip(*columns, chosen, strict=True):
        add_value, add_key = adds[target]
        add_value(value)
        add_key(key)
    return parts


def _in_two(columns: _Columns, chosen: list[int]) -> list[_Columns]:
    """The parts for targets 0 and 1, without a step of Python for each record."""
    values, keys = columns
    others = list(map(not_, chosen))
    return [
        (list(compress(values, others)), list(compress(keys, others))),
        (list(compress(values, chosen)), list(compress(keys, chosen))),
    ]
