"""Partition → worker: uniform, and with the fewest moves when workers come and go."""

from collections.abc import Hashable, Sequence
from typing import TypeVar

Owner = TypeVar("Owner", bound=Hashable)


def assign(
    partitions: int, workers: Sequence[Owner], previous: Sequence[Owner] | None = None
) -> tuple[Owner, ...]:
    """The owner of each of *partitions* slots; counts differ by at most one.

    With *previous* owners, no more partitions move than the balance asks for: an owner that stays
    gives away only what exceeds its share, and the larger shares go to those that own most.
    """
    if previous is None:
        return tuple(workers[slot % len(workers)] for slot in range(partitions))
    held: dict[Owner, list[int]] = {worker: [] for worker in workers}
    homeless: list[int] = []
    for slot, owner in enumerate(previous):
        held.get(owner, homeless).append(slot)
    small, larger = divmod(partitions, len(workers))
    by_most = sorted(workers, key=lambda worker: -len(held[worker]))
    share = {worker: small + (place < larger) for place, worker in enumerate(by_most)}
    for worker in workers:
        homeless.extend(held[worker][share[worker] :])
        del held[worker][share[worker] :]
    homeless.sort(reverse=True)
    for worker in workers:
        while len(held[worker]) < share[worker]:
            held[worker].append(homeless.pop())
    owners = {slot: worker for worker, slots in held.items() for slot in slots}
    return tuple(owners[slot] for slot in range(partitions))
