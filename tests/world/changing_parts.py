"""What a worker has at the beginning of an epoch, from the disks of those that had it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import attrs

from wallarood.control.change.proposing.changer_phases import Phase
from wallarood.model.change import Change, PartName
from wallarood.model.checkpoint import CheckpointPart, Restored, SinkPart, SourcePosition
from wallarood.model.topology import Topology
from wallarood.storage.checkpoint_rows import restored_of
from wallarood.storage.former import chunks_of, own_manifest

from .changing_job import counts_of, evicted_in, owner_in, read_in, state_part
from .disk import Disk, Record
from .errors import ViolationError

if TYPE_CHECKING:
    from .changing import ChangingWorld


def can_read(world: "ChangingWorld", reader: str, name: str) -> bool:
    """Whether a worker can read what another has on its disk."""
    node = world.nodes[name]
    there = node.alive and node.stopped_until <= world.now
    return reader == name or (there and not world.are_parted(reader, name))


def is_over(world: "ChangingWorld", change: Change) -> bool:
    """Whether a change that was proposed can come to nothing: nobody has it in mind.

    Or another is decided, of which who was certified dead and lives has not heard.
    """
    if world.decided.get(change.epoch, change) != change:
        return True
    for node in map(world.changing_node, world.nodes):
        vote = node.disk.vote
        changer = None if node.brain is None else node.brain.machines.changer
        proposes = changer is not None and changer.proposal.change == change
        if proposes and changer.phase in (Phase.STAGING, Phase.ACCEPTING):
            return False
        if vote is not None and vote.change == change:
            return False
    return True


def part_of(
    world: "ChangingWorld", name: str, change: Change, previous: Topology
) -> CheckpointPart:
    """What a worker has in the epoch of *change*, from the disks of those that had it."""
    counts: dict[str, int] = {}
    sources: list[SourcePosition] = []
    sink = SinkPart("sink", 0, ())
    for owner in previous.workers:
        disk = world.changing_node(owner).disk
        restored = restored_part(world, owner, change)
        if world.journals is not None and not present_in(world, (owner,), change):
            world.journals.stage(change, owner, seat_of(world, owner, change))
        for key, seen in counts_of(restored).items():
            if owner_in(change.topology, key) == name:
                counts[key] = seen
        taken = read_in(change.topology, name)
        here = {each.partition: each for each in restored.sources}
        for partition in read_in(previous, owner):
            start = SourcePosition("source", partition, 0, False)
            sources += [here.get(partition, start)] if partition in taken else []
        if owner == name and restored.sinks:
            (sink,) = restored.sinks
        elif restored.sinks and present_in(world, {owner} - {*change.workers}, change):
            left = set(restored.sinks[0].unpublished) - set(disk.visible)
            if left:
                raise ViolationError(f"{owner} leaves and has not published {left}")
    return CheckpointPart(change.basis, name, tuple(sources), (sink,), (state_part(counts),))


def restored_part(world: "ChangingWorld", owner: str, change: Change) -> Restored:
    """What a worker had at the basis of a change, from a copy of its part if it is lost."""
    disk, basis = world.changing_node(owner).disk, change.basis
    wanted = PartName(change.layout, owner, basis.round, basis.number)
    if present_in(world, (owner,), change):
        if disk.record is None or disk.epoch != change.epoch - 1:
            raise ViolationError(f"{owner} is no more in epoch {change.epoch - 1}")
        store = disk.open(disk.record)
        manifest = own_manifest(store, wanted)
        if manifest is None:
            raise ViolationError(f"{owner} lacks {basis}, from which others stage")
        names = [chain.computation for chain in manifest.chains]
        return restored_of(manifest, {n: list(chunks_of(store, manifest, n)) for n in names})
    for holder in map(world.changing_node, change.workers):
        if wanted in holder.disk.replicas and holder.disk.record is not None:
            return holder.disk.open(holder.disk.record).replicas.restore(wanted)
    raise ViolationError(f"nobody has a copy of the part of {owner} of {basis}")


def seat_of(world: "ChangingWorld", name: str, change: Change) -> str:
    """The seat of a worker that is lost by a change, or by one before it."""
    lost = [gone.seat for gone in change.gone if gone.name == name]
    lost += [heir.seat for heir in change.heirs if heir.lost == name]
    return lost[0] if lost else ""


def present_in(world: "ChangingWorld", names: Iterable[str], change: Change) -> list[str]:
    """Those of *names* that are in the epoch before *change*, and not evicted by it."""
    members, gone = world.epochs[change.epoch - 1], evicted_in(change)
    return [name for name in names if name in members and name not in gone]


@attrs.define(eq=False)
class Left:
    """What the writer of a lost seat had prepared at a basis, and its receiver."""

    heir: str
    visible: dict[int, tuple[Record, ...]]
    received: dict[tuple[int, int], tuple[Record, ...]]
    parts: dict[int, tuple[int, tuple[Record, ...]]]
    """By number, the line in which each was prepared, and its content."""


def leave_to_heirs(world: "ChangingWorld", change: Change) -> None:
    """Note what the heirs of lost writers are to publish: what is prepared at the basis."""
    for heir in change.heirs:
        goes_to = change.lost_to(heir.heir)
        if world.journals is not None and (heir.lost in goes_to or heir.lost == heir.heir):
            world.journals.lose(change, heir.lost, heir.seat)
        if heir.lost not in goes_to or heir.lost not in world.epochs[change.layout]:
            continue
        disk, before = world.changing_node(heir.lost).disk, world.left.get((heir.lost, heir.seat))
        if before is None:
            whole = disk.staged.keys() - disk.torn
            parts = {number: (disk.line_of[number], disk.staged[number]) for number in whole}
            before = Left("", disk.visible, disk.received, parts)
        sinks = restored_part(world, heir.lost, change).sinks
        sink = sinks[0] if sinks else SinkPart("sink", 0, ())
        above = [number for number in before.visible if number >= sink.state]
        if above:
            raise ViolationError(f"{heir.lost} has published {above} above {change.basis}")
        due = [number for number in sink.unpublished if number not in before.visible]
        parts = {number: before.parts[number] for number in due}
        left = Left(heir.heir, before.visible, before.received, parts)
        world.left[heir.lost, heir.seat] = left


def publish_left(world: "ChangingWorld", name: str, own: Disk) -> None:
    """An heir publishes what it is left, before its own output: under the writer that made it."""
    for left in world.left.values():
        if left.heir == name:
            receiver = own if world.heirs_own else left
            for number, (line, content) in left.parts.items():
                if receiver.received.setdefault((line, number), content) != content:
                    raise ViolationError(
                        f"{name} has two contents for part {number} of line {line}"
                    )
                receiver.visible[number] = content


def part_counts(part: CheckpointPart) -> dict[str, int]:
    """What a staged part has counted of each key."""
    chunks = {"count": [chunk for state in part.states for chunk in state.chunks]}
    return counts_of(Restored(part.checkpoint, (), (), chunks))
