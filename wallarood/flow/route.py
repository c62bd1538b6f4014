"""Which instance gets a record: the end of an edge, seen from one worker."""

from collections.abc import Iterable
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
        self._spreads = edge.routing is Routing.SPREAD
        self._next = self.targets.index(worker) if self._spreads else 0
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
        if self._spreads:
            return self._dealt(batch)
        if not self._keyed:
            return [(self.targets[0], batch)]
        keys = batch.keys
        if keys is None:
            raise ValueError("a batch without keys on a keyed edge")
        kind = batch.kind or kind_of(keys)
        known = self._known.get(kind)
        if len(self.targets) == 1:
            return [(self.targets[0], batch)]
        chosen: Iterable[int]
        if known is not None:
            chosen = map(known.__getitem__, keys)
        else:
            chosen = (self._owners[self._partition_of(key)] for key in keys)
        if kind is not batch.kind:
            batch = batch.rekey(keys, kind, key_index=batch.key_index)
        parts = batch.deal(chosen, len(self.targets))
        return [
            (worker, part) for worker, part in zip(self.targets, parts, strict=True) if part.values
        ]

    def _dealt(self, batch: Batch) -> list[tuple[WorkerName, Batch]]:
        """Every target in turn gets a record. Batches of one go round too: a trickle is spread."""
        count, first, batch = len(self.targets), self._next, batch.rekey(None)
        self._next = (first + len(batch)) % count
        return [
            (self.targets[(first + place) % count], batch.every(place, count))
            for place in range(min(count, len(batch)))
        ]
