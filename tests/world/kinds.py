"""The kinds of lives that are simulated for many seeds: what each has besides the usual faults."""

import random
from collections.abc import Callable

from .brief import live_briefly
from .changing import ChangingWorld, live
from .founding import Founding
from .healing import HealingWorld, heal
from .restored import forget
from .times import Life
from .world import simulate

NAMES = ("alpha", "beta", "gamma", "delta", "epsilon")
COPIED_S = 10.0
"""In about so many seconds copies come where there were none."""
LATE = (0.3, 3.0)
"""So many messages are late, and so many seconds at most."""
EFFECTS = 110
"""A founding has about so many effects: before one of the first all may die."""


def cluster(seed: int) -> None:
    """Three workers: founding, checkpoints, recovery, links and the end of all input."""
    simulate(seed)


def sizes(seed: int) -> None:
    """The same with one, two, four or five workers."""
    simulate(seed, workers=NAMES[: (1, 2, 4, 5)[seed % 4]])


def founding(seed: int) -> None:
    """Workers form a cluster: started by a unit or by hand, killed all at once, flag moved."""
    rng = random.Random(f"founding {seed}")
    kills = rng.sample(range(1, EFFECTS), rng.choice((0, 1, 2, 3)))
    how = Founding(
        rng.choice(("auto", None)),
        kill_all_at=tuple(sorted(kills)),
        flag_moves=rng.random() < 0.3,
    )
    count = 3 if how.flag_moves else rng.choice((2, 3, 4, 5))
    simulate(seed, workers=NAMES[:count], founding=how)


def put_back(seed: int) -> None:
    """An operator keeps a checkpoint, and puts a copy of a state directory back."""
    simulate(seed, workers=NAMES[: (3, 3, 2, 5)[seed % 4]], put_back=True)


def ending(seed: int) -> None:
    """The last source to end stands still for longer than a checkpoint may take."""
    simulate(seed, ending=True, records=20)


def replicas(seed: int) -> None:
    """Each worker's parts are copied to the disk of the next, from the first or from then on."""
    workers = NAMES[: (3, 2, 3, 5)[seed % 4]]
    if seed % 3:
        simulate(seed, workers=workers, replicas=1)
    else:
        simulate(seed, workers=workers, copied_later=COPIED_S)


def change(seed: int) -> None:
    """The cluster grows and shrinks while it runs."""
    live(seed, NAMES[: (3, 2, 1, 4)[seed % 4]])


def brief(seed: int) -> None:
    """Short lives of changes, of all kinds: few records, and what goes wrong goes wrong at once."""
    live_briefly(seed)


def slow(seed: int) -> None:
    """As brief, in a network that is slow: what is said on one connection comes behind another."""
    live_briefly(seed, late=LATE)


def replaced(seed: int) -> None:
    """As change, and a disk burns whose worker comes back on an empty one as what it was."""
    live(seed, NAMES[: (3, 5, 2, 4)[seed % 4]], loses=True, replaces=True, journals=True)


def missed(seed: int) -> None:
    """A worker is parted from the others as a checkpoint begins, and never hears of it."""
    simulate(seed, workers=NAMES[: (3, 3, 2, 5)[seed % 4]], missed=True)


def lost(seed: int) -> ChangingWorld:
    """As change, and a host burns with its disk and is evicted, or lives and is certified dead."""
    how = {"loses": True, "certifies": seed % 4 == 2, "journals": True}
    return live(seed, NAMES[: (3, 5, 3, 4)[seed % 4]], **how)


def mixed(seed: int) -> None:
    """As change, and the application is upgraded and taken back while workers are lost."""
    loss = seed % 3
    how = {"loses": True, "replaces": loss == 1, "certifies": loss == 2, "journals": True}
    how |= {"upgrades": True, "returns": seed // 3 % 2 == 0}
    live(seed, NAMES[: (3, 5, 3, 4)[seed % 4]], **how)


def healing(seed: int) -> HealingWorld:
    """As lost, and nobody but the workers themselves evicts; who was evicted joins again."""
    return heal(seed, NAMES[: (3, 5, 3, 4)[seed % 4]], journals=True)


def restored(seed: int) -> None:
    """As change, and a directory is put back that has forgotten a vote."""
    forget(seed, NAMES[: (3, 5, 4)[seed % 3]])


def time(seed: int) -> None:
    """Event time: watermarks, windows, timers and late records of several sources."""
    Life(seed).run()


KINDS: dict[str, Callable[[int], object]] = {
    "cluster": cluster,
    "sizes": sizes,
    "founding": founding,
    "put-back": put_back,
    "ending": ending,
    "replicas": replicas,
    "change": change,
    "brief": brief,
    "slow": slow,
    "replaced": replaced,
    "missed": missed,
    "lost": lost,
    "mixed": mixed,
    "healing": healing,
    "restored": restored,
    "time": time,
}
