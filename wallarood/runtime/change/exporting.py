"""What another worker takes over, read from the checkpoints here and chosen by slot."""

from collections.abc import Iterator

import msgspec

from wallarood.flow.compile import make_states
from wallarood.flow.state.moving import chosen
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.messages.replicas import Chunk, PartHead, PartWanted
from wallarood.model.pipeline import Application
from wallarood.runtime.ports import RecordStore


def read_chosen(
    store: RecordStore, record: ClusterRecord, wanted: PartWanted, *, application: Application
) -> tuple[PartHead, Iterator[list[Chunk]]]:
    """A part of a checkpoint, of its state by key only the slots that are wanted. Blocks.

    No slots of a computation that is named are all of it. There are as many chunks as there were:
    some may be empty. Raises as `RecordStore.read_part`, and ApplicationError while it is read.
    """
    head, chunks = store.read_part(record.cluster_id, wanted)
    slots = {name: frozenset(those) for name, those in wanted.slots or () if those}
    states = {
        name: (state, len(stage.partition_owners))
        for stage in record.topology.stages
        if stage.partition_owners and slots
        for name, state in make_states(application, stage).items()
        if name in slots
    }
    if not states:
        return head, chunks

    def choose(chunk: Chunk) -> Chunk:
        name = chunk.computation
        if name not in states:
            return chunk
        state, partitions = states[name]
        return msgspec.structs.replace(
            chunk, data=chosen(chunk.data, slots[name], partitions, of=state)
        )

    return head, (list(map(choose, some)) for some in chunks)
