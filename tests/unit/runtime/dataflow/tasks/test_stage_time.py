"""A stage says how far its source has come: at once when nothing waits, and seldom under load."""

import attrs

from wallarood.flow.align import Alignment
from wallarood.flow.source_time import SourceTime
from wallarood.model.batch import Batch
from wallarood.model.time import Condition, TimeSettings
from wallarood.runtime.dataflow.inbox import Inbox
from wallarood.runtime.dataflow.tasks.stage_time import StageTime

INPUT = (-1, "alpha")


@attrs.define
class Source:
    """A source of two partitions, the time of its stage, and its inbox."""

    time: SourceTime = attrs.field(
        factory=lambda: SourceTime(TimeSettings(out_of_order=0)), init=False
    )
    inbox: Inbox = attrs.field(factory=lambda: Inbox([INPUT], 10, 100), init=False)
    stage: StageTime = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.time.expect(["a", "b"])
        alignment = Alignment((INPUT,))
        self.stage = StageTime(self.time, None, (), self.inbox, alignment, lambda: 0)

    def reads(self, partition: str, stamp: int) -> None:
        self.time.tell(partition, Condition.ACTIVE)
        self.time.observe(partition, stamp)

    def news(self) -> int | None:
        said = self.stage.news()
        return said[-1].time if said else None


def test_the_watermark_is_news_only_when_it_has_moved() -> None:
    source = Source()
    assert source.news() is None
    source.reads("a", 5)
    assert source.news() is None, "of the other it is not known what is in it"
    source.reads("b", 3)
    assert source.news() == 3
    assert source.news() is None
    source.reads("a", 9)
    assert source.news() is None, "the slower one holds it"


async def test_while_records_wait_it_is_said_now_and_then_and_at_once_when_none_does() -> None:
    source = Source()
    for partition in ("a", "b"):
        source.reads(partition, 1)
    assert source.news() == 1
    source.inbox.put_nowait(INPUT, Batch([1]))
    for partition in ("a", "b"):
        source.reads(partition, 2)
    assert source.news() is None, "the batch that waits may move it again"
    await source.inbox.get(source.stage.alignment)
    assert source.news() == 2


def test_that_all_partitions_are_idle_is_news_though_time_has_not_moved() -> None:
    source = Source()
    for partition in ("a", "b"):
        source.reads(partition, 1)
    assert source.news() == 1
    for partition in ("a", "b"):
        source.time.tell(partition, Condition.IDLE)
    (said,) = source.stage.news()
    assert (said.time, said.idle) == (1, True)


def test_a_stage_without_a_source_of_its_own_says_nothing_and_waits_for_nothing() -> None:
    inbox = Inbox([INPUT], 10, 100)
    stage = StageTime(None, None, (), inbox, Alignment((INPUT,)), lambda: 0)
    assert stage.news() == stage.end() == ()
    stage.moved()
