"""A second host that burns, before the cluster has committed anything without the first."""

from typing import TYPE_CHECKING

from wallarood.model.change import Change, PartName

if TYPE_CHECKING:
    from .changing import ChangingWorld


def lose_again(world: "ChangingWorld") -> None:
    """Another one burns as soon as that is so, if all it had is elsewhere.

    The first is out by then: of two that are lost at once, one may have had the other's copy.
    """
    if not world.faulty or len(world.lost) > 1:
        return
    change = world.decided.get(world.epoch)
    spare = [name for name in world.members if change and is_spared(world, name, change)]
    fresh = change is not None and world.truth == change.basis.number and world.lasts
    fresh = fresh and world.lost.isdisjoint(world.members)
    if not (fresh and spare and len(world.members) > 2):
        world.later(0.05, lambda: lose_again(world))
        return
    world.ends_s *= 2  # those that are left read for all
    name = world.chance.choice(spare)
    world.burn(name, f"are lost before a commit of epoch {world.epoch}")


def is_spared(world: "ChangingWorld", name: str, change: Change) -> bool:
    """Whether all that the cluster began this epoch with is elsewhere, as it was before."""
    stay, basis = [each for each in world.members if each != name], change.basis
    disks = [world.changing_node(each).disk for each in stay]
    copied = {part for disk in disks for part in disk.replicas}
    if any(disk.record is None or disk.record.before is None for disk in disks):
        return False  # a version cannot take over parts of the one before: none counts but its own
    # The others have their own parts, which the change must have left there.
    return {disk.epoch for disk in disks} == {world.epoch} and all(
        owner in stay or PartName(change.layout, owner, basis.round, basis.number) in copied
        for owner in world.epochs[change.layout]
    )
