"""A worker's own parts of other layouts: the older one, which is kept, and what is staged."""
# Theory of operation
# ===================
# Adopting an epoch puts another part of the same checkpoint in the place of the own one. Of what a
# worker has in the new epoch there is no copy until a checkpoint of it is committed: who is lost
# before is rebuilt from the copies of what it had in the epoch before, and from the own parts of
# all others there. So those are kept: a manifest among the marks, and the chunks that it names,
# most of which the new part names as well. The first commit lets it go.
#
# What a worker had in the epoch before an upgrade stays beyond that, for the way back: until the
# next change, or until it is dropped, as a checkpoint that is kept by the name `BEFORE_UPGRADE`. It
# is not read at each start, as what cannot be done without: the way back reads all of it.

from collections.abc import Iterator

import attrs
import msgspec

from wallarood.model.change import PartName
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.errors import DamagedStateError
from wallarood.model.staging import StagedPart
from wallarood.storage.checkpoint_rows import (
    Chain,
    FormerPart,
    Manifest,
    put_marks,
    read_chunks,
)
from wallarood.storage.checkpoints import CheckpointStore


def kept_parts(store: CheckpointStore) -> tuple[PartName, ...]:
    """What is here for others and of older layouts: replicas, and own parts."""
    own = (
        PartName(each.layout, each.owner, each.manifest.round, each.manifest.number)
        for each in store.marks.former
    )
    return (*store.replicas.held, *own)


def own_manifest(store: CheckpointStore, part: PartName) -> Manifest | None:
    """The manifest of an own part, of this layout or of an older one; None: it is not here."""
    former = {each.layout: each.manifest for each in store.marks.former}
    here = part.layout == store.marks.layout
    found = store.manifests.get(part.number) if here else former.get(part.layout)
    matches = found is not None and (found.round, found.number) == (part.round, part.number)
    return found if matches else None


def kept_at_adoption(
    store: CheckpointStore, part: PartName, record: ClusterRecord
) -> tuple[FormerPart, ...]:
    """What is kept when *part*, the basis, is replaced by that of the epoch of *record*."""
    layout = record.change.layout if record.change is not None else part.layout
    older = tuple(each for each in store.marks.former if each.layout == layout and not each.back)
    if older:
        return older
    # Where the place of a lost worker is taken, its part of an older layout is the own one here.
    manifest, back = own_manifest(store, attrs.evolve(part, layout=layout)), record.back is not None
    return () if manifest is None else (FormerPart(layout, part.owner, manifest, back),)


def staged_manifest(part: StagedPart) -> Manifest:
    """The manifest of what is staged, when it is adopted."""
    return Manifest(
        part.basis.round,
        part.basis.number,
        part.sources,
        part.sinks,
        tuple(Chain(each.computation, each.links, each.narrowed) for each in part.chains),
        0,
        tuple(
            (e.worker, e.instance, e.layout, (e.part.step, e.part.state, e.part.unpublished))
            for e in part.left
        ),
    )


def chunks_of(store: CheckpointStore, manifest: Manifest, computation: str) -> Iterator[bytes]:
    """The state of a computation in a part. Raises DamagedStateError."""
    for chain in manifest.chains:
        if chain.computation == computation:
            for link, count in chain.links:
                yield from read_chunks(
                    store.connection, store.path, link=link, of=computation, count=count
                )


def drop_damaged(store: CheckpointStore) -> list[str]:
    """Forget own parts of older layouts that are damaged; returns which, in words.

    That of the way back is not looked at: reading all of it takes as long as a start does.
    """
    found = [(each, "" if each.back else _damage(store, each)) for each in store.marks.former]
    problems = [damage for _, damage in found if damage]
    if problems:
        whole = tuple(each for each, damage in found if not damage)
        marks = msgspec.structs.replace(store.marks, former=whole)
        with store.transaction() as cursor:
            put_marks(cursor, marks)
        store.marks = marks
    return problems


def verify_former(store: CheckpointStore) -> list[str]:
    """What is damaged of own parts of older layouts, each in words."""
    return [text for each in store.marks.former if (text := _damage(store, each))]


def _damage(store: CheckpointStore, part: FormerPart) -> str:
    """What is damaged in a part; empty: nothing is."""
    try:
        for chain in part.manifest.chains:
            for _ in chunks_of(store, part.manifest, chain.computation):
                pass
    except DamagedStateError as error:
        return error.message
    return ""
