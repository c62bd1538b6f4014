"""Copying what moves while records flow, so that little is left for when they stand still."""

import structlog

from wallarood.control.change.effects import CopyAhead
from wallarood.control.change.events import AheadCopied
from wallarood.model.change import PartName
from wallarood.model.errors import WallaroodError
from wallarood.model.messages.replicas import LAST
from wallarood.runtime.change.collecting import Collected, Collector, OutdatedError
from wallarood.runtime.change.takeover import Takeover
from wallarood.runtime.worker import Worker

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
    collected = Collected(worker, takeover, wanted.cluster_id)
    await collected.begin()
    for member in wanted.old_members:
        if slots.get(member.name):
            part = PartName(wanted.previous.epoch, member.name, 0, LAST)
            await Collector(collected, member.name).fetch(member, part, slots[member.name])
    return collected
