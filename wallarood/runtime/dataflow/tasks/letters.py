"""What becomes of records that failed or came too late: letters, counts and a line in the log."""

import math
import time
from collections.abc import Sequence

import attrs
import structlog

from wallarood.app.connector import Unreadable
from wallarood.app.functions.declaring import policy_of
from wallarood.flow.failures import Failure, unread
from wallarood.model.batch import Unread
from wallarood.model.pipeline import LATE_LETTERS_OUTPUT, DeadLetter, ErrorPolicy
from wallarood.runtime.dataflow.counters import SAMPLES_MAX, Sample, StageCounters
from wallarood.runtime.dataflow.outputs import Outputs

SKIPPED_INTERVAL_S = 1.0

log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class Letters:
    """Those of the stage instance of this name."""

    stage: str
    outputs: Outputs
    counters: StageCounters
    _unsaid: int = attrs.field(default=0, init=False)
    _said_at: float = attrs.field(default=-math.inf, init=False)

    async def send(self, failures: Sequence[Failure]) -> None:
        """Send, count and log what became of them, by their policies."""
        for each in failures:
            if not each.late:
                self.counters.failed += 1
            else:
                count = 1 if each.batch is None else len(each.batch)
                self.counters.late[each.late] = self.counters.late.get(each.late, 0) + count
            if each.batch is not None:
                await self.outputs.send_late(each.letter.computation, each.batch)
        dead = [each for each in failures if each.policy is ErrorPolicy.DEAD_LETTER]
        letters = [each.letter for each in dead if not each.late]
        skipped = [each.letter for each in failures if each.policy is ErrorPolicy.SKIP]
        self.counters.dead_letters += len(dead)
        self.counters.skipped += len(skipped)
        for each in failures[-SAMPLES_MAX:]:
            self.counters.samples.append(Sample(time.time(), each.letter))
        if skipped:
            self._log_skipped(skipped[0], len(skipped))
        if letters:
            await self.outputs.send_letters(letters)
        if len(letters) < len(dead):
            late = [each.letter for each in dead if each.late]
            await self.outputs.send_letters(late, LATE_LETTERS_OUTPUT)

    def _log_skipped(self, first: DeadLetter, count: int) -> None:
        """One line a second at most, with the number since the line before and an example."""
        self._unsaid += count
        now = time.monotonic()
        if now - self._said_at < SKIPPED_INTERVAL_S:
            return
        log.warning(
            "records skipped",
            count=self._unsaid,
            computation=first.computation,
            error=first.error,
            where=f"{first.file}:{first.line}",
            record=first.record,
        )
        self._unsaid, self._said_at = 0, now


def unread_of(step: str, source: object, unreadable: Sequence[Unreadable]) -> Unread:
    """What *source*, the one of *step*, could not read, with what its `on_error` says of it."""
    policy = policy_of(getattr(source, "on_error", "stop"))
    return Unread(
        tuple(
            unread(
                step,
                policy,
                each.error if each.byte is None else f"at byte {each.byte:,}: {each.error}",
                raw=each.raw,
                file=each.place,
                line=each.line or 0,
            )
            for each in unreadable
        )
    )
