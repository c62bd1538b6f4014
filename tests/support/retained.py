"""A checkpoint that is there already comes to be retained, as one that was written so."""

import msgspec

from wallarood.storage.checkpoint_rows import put_marks
from wallarood.storage.checkpoints import CheckpointStore


def keep(store: CheckpointStore, name: str, number: int) -> None:
    """Retain a checkpoint under a name."""
    marks = msgspec.structs.replace(store.marks, kept={**store.marks.kept, name: number})
    with store.transaction() as cursor:
        put_marks(cursor, marks)
    store.marks = marks
