"""What another worker takes over, read from the checkpoints here and chosen by slot."""

from collections.abc import Iterator

import attrs

from wallarood.flow.state.moving import chosen
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.messages.replicas import Chunk, PartHead, PartWanted
from wallarood.runtime.ports import RecordStore


def read_chosen(
    store: RecordStore, record: ClusterRecord, wanted: PartWanted
) -> tuple[PartHead, Iterator[list[Chunk]]]:
    """A part of a checkpoint, of its state by key only the slots that are wanted. Blocks.

    No slots of a computation that is named are all of it. There are as many chunks as there were:
    some may be empty. Raises as `RecordStore.read_part`, and ApplicationError while it is read.
    """
    head, chunks = store.read_part(record.cluster_id, wanted)
    slots = {name: frozenset(those) for name, those in wanted.slots or () if those}
    partitions = {
        step: len(stage.partition_owners)
        for stage in record.topology.stages
        for step in stage.steps
        if step in slots and stage.partition_owners
    }
    if not partitions:
        return head, chunks

    def choose(chunk: Chunk) -> Chunk:
        name = chunk.computation
        if name not in partitions:
            return chunk
        data = chosen(chunk.data, slots[name], partitions[name], computation=name)
        return attrs.evolve(chunk, data=data)

    return head, (list(map(choose, some)) for some in chunks)
