"""How long user code held the event loop, without what the kernel gave to other processes."""
# Theory of operation
# ===================
# The size of a slice follows the time that the records before have cost. On a machine with more
# work than cores a slice of some milliseconds often ends late, since the core was taken away. It
# would take as long with fewer records, and smaller slices cost more beside their records. So a
# thread that took too long, and has not once waited meanwhile, is judged by its CPU. What takes
# many times too long is judged by the clock in any case: not every system counts waits.

from resource import RUSAGE_THREAD, getrusage
from typing import NamedTuple

CLOCK_COUNTS = 10
"""From so many times the bound on, the clock counts."""


class Ran(NamedTuple):
    """Seconds of CPU that this thread has had, and how often it has waited."""

    cpu_s: float
    waits: int


def ran() -> Ran:
    """Those of this thread up to now."""
    usage = getrusage(RUSAGE_THREAD)
    return Ran(usage.ru_utime + usage.ru_stime, usage.ru_nvcsw)


def fitting_records(records: int, took_s: float, before: Ran | None, *, budget_s: float) -> int:
    """How many records fit into the budget if so many *took_s*, since *before* if that is known."""
    own = took_s if before is None else own_s(took_s, before, bound_s=budget_s)
    return int(budget_s / max(own, 1e-9) * records)


def own_s(took_s: float, before: Ran, *, bound_s: float) -> float:
    """*took_s*, which has passed since *before*, or what of it was this thread's own doing."""
    if not bound_s < took_s < bound_s * CLOCK_COUNTS:
        return took_s
    now = ran()
    return took_s if now.waits > before.waits else min(took_s, now.cpu_s - before.cpu_s)
