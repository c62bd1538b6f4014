"""From counters at run time to the parts of a status that are numbers."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from wallarood.admin.figures.sampler import Sampler
from wallarood.admin.figures.values import (
    CopyStatus,
    DeliveryStatus,
    FailureSample,
    HotKey,
    LinkStatus,
    RunStatus,
    SinkStatus,
)
from wallarood.admin.status import StageStatus
from wallarood.runtime.checkpoint_log import DELIVERY_S, CheckpointLog
from wallarood.runtime.dataflow.counters import StageCounters
from wallarood.runtime.dataflow.tasks.sink_task import SinkTask, Waiting
from wallarood.runtime.dataflow.tasks.stage_task import StageTask
from wallarood.runtime.peers.links import Links
from wallarood.runtime.worker import ReplicaLinks

if TYPE_CHECKING:
    from wallarood.control.replicas.replicator import Replicator

HOT_KEYS = 5
HOT_SHARE = 0.01
"""Keys with a smaller share are not named."""
TEXT_CHARACTERS_MAX = 200
HIDDEN = "(hidden: security.tap)"


@attrs.frozen
class Figures:
    """What is added to the status of a stage. Without `shows_records` no content is shown."""

    sampler: Sampler
    shows_records: bool = True

    def added(self, status: StageStatus, counters: StageCounters) -> StageStatus:
        """*status* with what its instance did in the last seconds, and what it keeps."""
        shares = self.sampler.stage(status.index)
        return attrs.evolve(
            status,
            busy=shares.busy,
            blocked=shares.blocked,
            rate=shares.rate_in,
            rate_out=shares.rate_out,
            late_rate=shares.late_rate,
            failed_rate=shares.failed_rate,
            states=self.sampler.states(status.index),
            failures=self._failures(counters),
        )

    def _failures(self, counters: StageCounters) -> tuple[FailureSample, ...]:
        return tuple(
            FailureSample(
                sample.at,
                sample.letter.computation,
                self._shown(sample.letter.error),
                sample.letter.file,
                sample.letter.line,
                self._shown(sample.letter.record),
            )
            for sample in counters.samples
        )

    def hot_keys(self, task: StageTask) -> tuple[HotKey, ...]:
        """The keys that have most of the records of a stage here."""
        if task.looks.hot_keys is None:
            return ()
        return tuple(
            HotKey(self._shown(key), share)
            for key, share in task.looks.hot_keys.hottest(HOT_KEYS)
            if share >= HOT_SHARE
        )

    def _shown(self, value: object) -> str:
        if not self.shows_records:
            return HIDDEN
        try:
            text = value if isinstance(value, str) else repr(value)
        except Exception as error:  # the repr of a class of the application
            return f"<{type(value).__name__} whose repr raised {type(error).__name__}>"
        return text if len(text) <= TEXT_CHARACTERS_MAX else text[:TEXT_CHARACTERS_MAX] + "…"


def sink_of(task: SinkTask | None, waiting: Waiting) -> SinkStatus | None:
    """What a sink has made visible, and what is *waiting*; None for another stage."""
    if task is None:
        return None
    counters = task.publishing
    return SinkStatus(
        waiting.records,
        counters.published,
        counters.failures,
        counters.last_published,
        counters.failing_since,
    )


def links_of(links: Links | None) -> tuple[LinkStatus, ...]:
    """What went over the links of a round so far."""
    if links is None:
        return ()
    return tuple(
        LinkStatus(
            name,
            sender.counters.bytes_out,
            links.receivers[name].bytes_in,
            sender.counters.blocked_s,
        )
        for name, sender in links.senders.items()
    )


def runs_of(log: CheckpointLog) -> tuple[RunStatus, ...]:
    """The last checkpoints, oldest first."""
    return tuple(
        RunStatus(
            each.number,
            each.at,
            each.outcome.value,
            each.collect_s,
            each.queue_s,
            each.write_s,
            each.commit_s,
            each.size_bytes,
        )
        for each in log.runs
    )


def delivery_of(log: CheckpointLog) -> DeliveryStatus:
    """How long records took to be committed."""
    return DeliveryStatus(DELIVERY_S, tuple(log.delivery.counts), log.delivery.seconds)


def copy_of(
    replicator: "Replicator | None",
    links: ReplicaLinks,
    *,
    committed: int,
    saved: Callable[[], bool] = lambda: False,
) -> CopyStatus | None:
    """Where the checkpoints of this worker are copied to; None: nowhere.

    *saved* says whether the last one that is committed is had without what is here all the same.
    """
    if replicator is None:
        return None
    copied, waits_for = replicator.copied, replicator.waits_for
    sending = f"checkpoint {waits_for.number} is not there yet" if waits_for is not None else ""
    sent = links.to_holder.sending if links.to_holder is not None else None
    if waits_for is not None and sent is not None and sent.part.number == waits_for.number:
        sending += f" ({sent.sent_bytes:,} bytes sent)"
    number = copied.number if copied is not None else None
    fatal = (number is None or number < committed) and not saved()
    return CopyStatus(replicator.holder, number, fatal, sending, links.counters.bytes_out)
