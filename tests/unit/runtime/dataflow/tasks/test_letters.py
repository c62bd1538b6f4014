"""What becomes of records that failed."""

from wallarood.flow.failures import Failure
from wallarood.model.pipeline import DeadLetter, ErrorPolicy
from wallarood.runtime.dataflow.counters import StageCounters
from wallarood.runtime.dataflow.outputs import Outputs
from wallarood.runtime.dataflow.tasks.letters import Letters


def failure(policy: ErrorPolicy, late: str = "") -> Failure:
    return Failure(policy, DeadLetter("parse", "ValueError: no", "app.py", 7, "'x'"), late)


async def test_each_is_counted_by_what_became_of_it() -> None:
    counters = StageCounters()
    letters = Letters("parse", Outputs(()), counters)
    await letters.send(
        [
            failure(ErrorPolicy.SKIP),
            failure(ErrorPolicy.SKIP),
            failure(ErrorPolicy.DEAD_LETTER),
            failure(ErrorPolicy.DEAD_LETTER, late="closed"),
        ]
    )
    assert (counters.skipped, counters.dead_letters) == (2, 2)
    assert counters.late == {"closed": 1}


async def test_skipped_records_are_logged_a_line_a_second_at_most() -> None:
    letters = Letters("parse", Outputs(()), StageCounters())
    await letters.send([failure(ErrorPolicy.SKIP)])
    await letters.send([failure(ErrorPolicy.SKIP)] * 3)
    assert letters._unsaid == 3
