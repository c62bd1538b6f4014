"""Copying what moves while records flow, so that little is left for when they stand still."""
# Theory of operation
# ===================
# What is copied is that of the last checkpoint, and while that goes on more checkpoints are taken:
# what they hold is copied next, and so on. Each time there is less to copy, as long as keys change
# more slowly than they are copied. It ends when there is next to nothing left, or not less than the
# time before.

import math
from collections.abc import Mapping
from contextlib import suppress
from functools import partial

import structlog
import trio

from wallarood.control.change.effects import CopyAhead
from wallarood.control.change.events import AheadCopied
from wallarood.model.change import PartName
from wallarood.model.errors import WallaroodError
from wallarood.model.ids import Member, WorkerName
from wallarood.model.messages.replicas import LAST, Slots
from wallarood.runtime.change.collecting import (
    Collected,
    Collector,
    OutdatedError,
    all_of,
)
from wallarood.runtime.change.takeover import Takeover
from wallarood.runtime.worker import Worker

ENOUGH_S = 0.5
"""What was copied in so little time leaves as little for when records stand still."""
TRIES = 3
LESS = 0.8
"""Whoever takes more than so much of the time before is not getting there."""

log = structlog.get_logger(__name__)


async def copy_ahead(worker: Worker, wanted: CopyAhead) -> None:
    """Copy it, as far as it can be had, and say that this is done.

    What fails here fails once more where it counts, or it does not: all is copied then.
    """
    change = worker.change
    change.ahead = None
    takeover = Takeover(
        worker.application, wanted.previous, wanted.topology, worker.member.name, None
    )
    try:
        change.ahead = await _copied(worker, wanted, takeover)
    except (WallaroodError, OutdatedError) as error:
        log.info("nothing is copied while records flow", reason=str(error))
    finally:
        change.moving = ""
        worker.notify()
    worker.post(AheadCopied(wanted.name))


async def _copied(worker: Worker, wanted: CopyAhead, takeover: Takeover) -> Collected | None:
    """What could be copied; None: nothing comes here that could be."""
    slots = {name: takeover.ahead_of(name) for name in takeover.others}
    if not any(slots.values()):
        return None
    log.info(f"{takeover.moving}, while records flow", epoch=wanted.topology.epoch)
    for _ in range(TRIES):
        collected = Collected(worker, takeover, wanted.cluster_id)
        await collected.begin()
        with suppress(OutdatedError):  # a base was under way when this began
            await _copy_into(collected, wanted, slots)
            await collected.stored(lambda store: store.settle())
            return collected
    raise OutdatedError("another base was written each time")


async def _copy_into(
    collected: Collected, wanted: CopyAhead, slots: Mapping[WorkerName, Slots]
) -> None:
    """Copy these slots of each owner, until little is left. Raises as `Collector.fetch`."""
    owners = [each for each in wanted.old_members if slots.get(each.name)]

    async def fetch(owner: Member) -> None:
        part = PartName(wanted.previous.epoch, owner.name, 0, LAST)
        await Collector(collected, owner.name).fetch(owner, part, slots[owner.name])

    before_s, took_s = math.inf, 0.0
    while took_s < LESS * before_s:
        began = trio.current_time()
        await all_of(partial(fetch, owner) for owner in owners)
        took_s, before_s = trio.current_time() - began, took_s or math.inf
        log.debug("copied while records flow", seconds=round(took_s, 3))
        if took_s <= ENOUGH_S:
            break
