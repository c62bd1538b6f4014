"""Planted bugs of replicas, each with what must catch it."""

import sqlite3

from wallarood.storage.checkpoint_rows import Manifest
from wallarood.storage.checkpoints import CheckpointStore
from wallarood.storage.replicas import Owner, Replicas

from .bugs import Bugs


class NeverVoid(Replicas):
    """Replicas that stay when what they are of is void."""

    def void(self, cursor: sqlite3.Cursor, *, above: int) -> dict[Owner, dict[int, Manifest]]:
        del cursor, above
        return self.parts


def never_void(store: CheckpointStore) -> CheckpointStore:
    """A store with such replicas."""
    marks, transaction = (lambda: store.marks), store.transaction
    store.replicas = NeverVoid(store.path, store.connection, transaction, marks)
    return store


PLANTED_REPLICAS = {
    "held is said before the replica is durable": (
        Bugs(early_held=True),
        "is published, and a part of it is on one disk only",
    ),
    "a copy is taken for the part that is not written yet": (
        Bugs(early_ack=True),
        "publishes .*, which is not committed",
    ),
    "replicas are not voided": (
        Bugs(opened=never_void),
        "keeps the replica .* above",
    ),
}
