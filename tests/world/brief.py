"""Short lives of changes: one change or two, soon, and what goes wrong goes wrong just then."""
# Theory of operation
# ===================
# A long life spends most of its time between changes. A short one has a few records of each source,
# one worker that may join, and its faults end after a few seconds; then it is hurried to its end.
# So many more different ones can be lived. What it leaves out is what takes its time: a cluster
# that changes three times and more, a job of many checkpoints before and after, disks, sinks and
# hosts that are away for longer than the whole of it, healing (a member is missed for seconds until
# it is evicted), and five workers. Those are in the long ones.

from typing import Any

import attrs

from .changing import ChangingWorld, Span
from .restored import RestoredWorld
from .world import lived

BRIEF = Span(
    records=48,
    spares=("rho",),
    faults_end_s=8.0,
    ends_s=200.0,
    changes=(1, 1, 2),
    within_s=3.0,
    trouble=(0.0, 0.05, 0.3),
    mishaps=5,
    is_brief=True,
)
# The one change is another than to grow or to shrink, for the most part.
RARELY = attrs.evolve(BRIEF, changes=(0, 0, 1))
NAMES = ("alpha", "beta", "gamma")


def live_so(world: type[ChangingWorld], seed: int, workers: int, **options: Any) -> ChangingWorld:
    """Run one seed of a kind of *world*."""
    options = {"span": BRIEF, "records": BRIEF.records // workers, **options}
    return lived(world(seed, NAMES[:workers], **options), seed)


def grows_and_shrinks(seed: int, turn: int, **more: Any) -> ChangingWorld:
    """One to three workers, of which some leave or to which one comes; copies or none."""
    return live_so(ChangingWorld, seed, 3 - turn % 3, replicas=turn // 3 % 2, **more)


def loses(seed: int, turn: int, **more: Any) -> ChangingWorld:
    """A host burns with its disk, and is evicted; there are copies from the first or later on."""
    how: dict[str, Any] = {"lags": turn % 4 == 0, "journals": True}
    how |= {"copied_later": BRIEF.within_s / 2} if turn % 4 == 3 else {}
    return live_so(ChangingWorld, seed, 3, span=RARELY, loses=True, **how, **more)


def replaces(seed: int, turn: int, **more: Any) -> ChangingWorld:
    """A disk burns, and its worker comes back on an empty one, in the place of what it was."""
    how = {"loses": True, "replaces": True, "journals": True}
    return live_so(ChangingWorld, seed, 2 + turn % 2, span=RARELY, **how, **more)


def certifies(seed: int, turn: int, **more: Any) -> ChangingWorld:
    """One of two or three is certified dead, and lives."""
    how = {"loses": True, "certifies": True, "journals": True}
    return live_so(ChangingWorld, seed, 2 + turn % 2, span=RARELY, **how, **more)


def forgets(seed: int, turn: int, **more: Any) -> ChangingWorld:
    """Amid a change the directory of a worker is put back from a copy that knows no vote."""
    return live_so(RestoredWorld, seed, 3, replicas=turn % 2, **more)


def upgrades(seed: int, turn: int, **more: Any) -> ChangingWorld:
    """All are restarted with a newer version of the application, and half of the time go back."""
    if turn % 4 == 3:
        return upgrades_and_loses(seed, turn // 4, **more)
    how = {"upgrades": True, "returns": turn % 2 == 0, "replicas": turn // 6 % 2}
    return live_so(ChangingWorld, seed, 1 + turn % 3, span=RARELY, **how, **more)


def upgrades_and_loses(seed: int, turn: int, **more: Any) -> ChangingWorld:
    """The same, and one is lost meanwhile: it is evicted, replaced, or certified dead and lives."""
    how: dict[str, Any] = {"loses": True, "journals": True, "upgrades": True}
    loss, how["returns"] = turn % 3, turn // 3 % 2 == 0
    how |= {"replaces": loss == 1, "certifies": loss == 2}
    workers = 2 + turn // 6 % 2 if loss else 3
    return live_so(ChangingWorld, seed, workers, span=RARELY, **how, **more)


LIVES = (grows_and_shrinks, upgrades, loses, replaces, certifies, forgets)


def live_briefly(seed: int, **more: Any) -> ChangingWorld:
    """Run one seed of one of these, with *more* options, and check it. Raises as `simulate`."""
    return LIVES[seed % len(LIVES)](seed, seed // len(LIVES), **more)
