"""What was found: a sentence, and what it rests on."""

from enum import Enum

import attrs


class Fault(Enum):
    """What kind of thing is wrong, the most urgent first."""

    FAILED = "job failed"
    MISSING_WORKER = "missing worker"
    BLOCKED_DISK = "blocked disk"
    NOT_RUNNING = "not running"
    SINK_AWAY = "sink cannot publish"
    SOURCE_AWAY = "source away"
    FAILING_CHECKPOINT = "failing checkpoint"
    PAUSED = "sources pause"
    """For one of the reasons above, in general."""
    HOT_KEY = "hot key"
    SKEWED_SLOTS = "skewed slots"
    SLOW_SINK = "slow sink"
    SLOW_STAGE = "slow stage"
    WAITING_TABLE = "waiting for a table"
    IDLE_PARTITION = "idle partition"
    DEAD_LETTERS = "dead letters"
    LATE_RECORDS = "late records"
    GROWING_STATE = "growing state"
    NOTHING = "nothing"


@attrs.frozen
class Finding:
    """One thing that was found. `where` names the stage, source or worker that it is about."""

    fault: Fault
    sentence: str
    evidence: tuple[str, ...] = ()
    where: str = ""
