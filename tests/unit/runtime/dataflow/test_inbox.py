"""The inbox: turns, bounds, joining, and marks that keep their place."""

import attrs
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from wallarood.flow.align import Alignment
from wallarood.model.batch import Barrier, Batch, EndOfStream, Tick, Watermark
from wallarood.model.ids import InputId
from wallarood.model.time import MAX_TIME
from wallarood.runtime.dataflow.inbox import Inbox

A = (1, "alpha")
B = (2, "beta")
NONE = Alignment(())


async def test_batches_that_wait_are_handed_out_as_one_up_to_the_bound() -> None:
    inbox = Inbox([A], batches_max=8, batch_records_max=5)
    for values in ([1, 2], [3, 4], [5, 6]):
        inbox.put_nowait(A, Batch(values))
    assert await inbox.get(NONE) == (A, Batch([1, 2, 3, 4]))
    assert await inbox.get(NONE) == (A, Batch([5, 6]))


async def test_joined_batches_keep_each_key_beside_its_value() -> None:
    inbox = Inbox([A], batches_max=8, batch_records_max=9)
    inbox.put_nowait(A, Batch([1, 2], ["a", "b"]))
    inbox.put_nowait(A, Batch([3], ["c"]))
    assert await inbox.get(NONE) == (A, Batch([1, 2, 3], ["a", "b", "c"]))


async def test_a_mark_is_not_overtaken_by_joining() -> None:
    inbox = Inbox([A], batches_max=8, batch_records_max=100)
    inbox.put_nowait(A, Batch([1]))
    inbox.mark_nowait(A, Barrier(0, 1))
    inbox.put_nowait(A, Batch([2]))
    taken = [(await inbox.get(NONE))[1] for _ in range(3)]
    assert taken == [Batch([1]), Barrier(0, 1), Batch([2])]


async def test_batches_are_joined_across_a_watermark_which_is_told_after_them() -> None:
    inbox = Inbox([A], batches_max=8, batch_records_max=100)
    inbox.put_nowait(A, Batch([1]))
    inbox.mark_nowait(A, Watermark(5))
    inbox.put_nowait(A, Batch([2]))
    inbox.mark_nowait(A, Watermark(6))
    inbox.mark_nowait(A, Barrier(0, 1))
    inbox.put_nowait(A, Batch([3]))
    taken = [(await inbox.get(NONE))[1] for _ in range(4)]
    assert taken == [Batch([1, 2]), Watermark(6), Barrier(0, 1), Batch([3])]


async def test_of_watermarks_that_wait_the_last_is_taken() -> None:
    inbox = Inbox([A], batches_max=8, batch_records_max=100)
    taken: list[int] = []
    for time in (1, 2):
        inbox.mark_nowait(A, Watermark(time), lambda time=time: taken.append(time))
    assert await inbox.get(NONE) == (A, Watermark(2))
    assert taken == [1, 2]
    assert not inbox.has_some(NONE)


async def test_the_end_of_time_does_not_take_the_place_of_the_watermark_before_it() -> None:
    inbox = Inbox([A], batches_max=8, batch_records_max=100)
    for mark in (Watermark(1), Watermark(2), Watermark(MAX_TIME)):
        inbox.mark_nowait(A, mark)
    inbox.put_nowait(A, Batch([1]))
    for mark in (Watermark(3), Watermark(MAX_TIME)):
        inbox.mark_nowait(A, mark)
    taken = [(await inbox.get(NONE))[1] for _ in range(5)]
    end = Watermark(MAX_TIME)
    assert taken == [Watermark(2), end, Batch([1]), Watermark(3), end]


async def test_a_tick_goes_before_what_waits_also_where_inputs_are_blocked() -> None:
    inbox = Inbox([A], batches_max=8, batch_records_max=100)
    alignment = Alignment([A, B])
    alignment.take(A, Barrier(0, 1))
    inbox.put_nowait(A, Batch([1]))
    inbox.tick()
    assert inbox.has_some(alignment)
    assert (await inbox.get(alignment))[1] == Tick()
    assert not inbox.has_some(alignment)


async def test_inputs_take_turns() -> None:
    inbox = Inbox([A, B], batches_max=8, batch_records_max=1)
    for number in range(3):
        inbox.put_nowait(A, Batch([number]))
        inbox.put_nowait(B, Batch([number]))
    order = [(await inbox.get(NONE))[0] for _ in range(6)]
    assert order in ([A, B] * 3, [B, A] * 3)


async def test_a_blocked_input_is_left_alone() -> None:
    inbox = Inbox([A, B], batches_max=8, batch_records_max=1)
    inbox.put_nowait(A, Batch([1]))
    inbox.put_nowait(B, Batch([2]))
    alignment = Alignment([A, B])
    alignment.take(A, Barrier(0, 1))
    assert await inbox.get(alignment) == (B, Batch([2]))
    with pytest.raises(trio.TooSlowError), trio.fail_after(0.01):
        await inbox.get(alignment)


async def test_an_input_that_is_released_is_taken_from_by_whoever_waits() -> None:
    inbox = Inbox([A, B], batches_max=8, batch_records_max=1)
    alignment = Alignment([A, B])
    alignment.take(A, Barrier(0, 1))
    inbox.put_nowait(A, Batch([1]))
    taken: list[object] = []

    async def take() -> None:
        taken.append(await inbox.get(alignment))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take)
        await wait_all_tasks_blocked()
        assert taken == []
        assert alignment.release(1)
        inbox.look_again()
    assert taken == [(A, Batch([1]))]


async def test_a_local_sender_waits_for_room_and_goes_on_when_a_batch_is_taken() -> None:
    inbox = Inbox([A], batches_max=2, batch_records_max=1)
    passed: list[int] = []

    async def send() -> None:
        for number in range(4):
            await inbox.wait_for_room(A)
            inbox.put_nowait(A, Batch([number]))
            passed.append(number)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        await wait_all_tasks_blocked()
        assert passed == [0, 1]
        await inbox.get(NONE)
        await wait_all_tasks_blocked()
        assert passed == [0, 1, 2]
        await inbox.get(NONE)


async def test_every_taken_is_called_once_when_its_batch_leaves() -> None:
    inbox = Inbox([A], batches_max=8, batch_records_max=2)
    taken: list[str] = []
    inbox.put_nowait(A, Batch([1]), lambda: taken.append("first"))
    inbox.put_nowait(A, Batch([2]), lambda: taken.append("second"))
    inbox.mark_nowait(A, EndOfStream(), lambda: taken.append("end"))
    assert taken == []
    await inbox.get(NONE)
    assert taken == ["first", "second"]
    await inbox.get(NONE)
    assert taken == ["first", "second", "end"]


@attrs.define
class Recorder:
    """A consumer that notes what it processes; it may be held up there, and divides by it."""

    inbox: Inbox
    alignment: Alignment = NONE
    small: int = 1
    seen: list[object] = attrs.field(factory=list)
    held: trio.Event | None = None

    def __attrs_post_init__(self) -> None:
        self.inbox.consumer = self

    def is_small(self, records: int) -> bool:
        return records <= self.small

    async def process(self, batch: Batch, source: InputId) -> None:  # noqa: ARG002
        self.seen.append(("began", batch.values))
        if self.held is not None:
            await self.held.wait()
        assert 1 / batch.values[0]
        self.seen.append(("ended", batch.values))

    async def run(self) -> None:
        while True:
            source, item = await self.inbox.get(self.alignment)
            if isinstance(item, Batch):
                self.seen.append(("taken", item.values))
                continue
            self.seen.append(item)
            if isinstance(item, EndOfStream):
                return
            self.alignment.take(source, item)


async def test_a_small_batch_for_a_consumer_that_waits_is_processed_at_once() -> None:
    consumer = Recorder(inbox := Inbox([A], batches_max=8, batch_records_max=100))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(consumer.run)
        await wait_all_tasks_blocked()
        await inbox.put(A, Batch([1]))
        await inbox.put(A, Batch([2]))
        assert consumer.seen == [("began", [1]), ("ended", [1]), ("began", [2]), ("ended", [2])]
        nursery.cancel_scope.cancel()


async def test_a_larger_batch_and_what_follows_it_are_queued_in_their_order() -> None:
    consumer = Recorder(inbox := Inbox([A], batches_max=8, batch_records_max=1))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(consumer.run)
        await wait_all_tasks_blocked()
        await inbox.put(A, Batch([1, 2]))
        await inbox.put(A, Batch([3]))
        assert consumer.seen == []
        inbox.mark_nowait(A, EndOfStream())
    assert consumer.seen == [("taken", [1, 2]), ("taken", [3]), EndOfStream()]


async def test_what_comes_meanwhile_waits_until_the_batch_at_hand_is_done() -> None:
    consumer = Recorder(
        inbox := Inbox([A, B], batches_max=8, batch_records_max=1), held=trio.Event()
    )
    assert consumer.held is not None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(consumer.run)
        await wait_all_tasks_blocked()
        nursery.start_soon(inbox.put, A, Batch([1]))
        await wait_all_tasks_blocked()
        await inbox.put(B, Batch([2]))
        inbox.mark_nowait(B, EndOfStream())
        inbox.look_again()
        await wait_all_tasks_blocked()
        assert consumer.seen == [("began", [1])]
        consumer.held.set()
    done = [("began", [1]), ("ended", [1])]
    assert consumer.seen == [*done, ("taken", [2]), EndOfStream()]


async def test_nothing_is_processed_at_once_while_an_input_is_blocked() -> None:
    alignment = Alignment([A, B])
    consumer = Recorder(
        inbox := Inbox([A, B], batches_max=8, batch_records_max=1), alignment=alignment
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(consumer.run)
        inbox.mark_nowait(A, Barrier(0, 1))
        await wait_all_tasks_blocked()
        await inbox.put(A, Batch([1]))
        await inbox.put(B, Batch([2]))
        await wait_all_tasks_blocked()
        assert consumer.seen == [Barrier(0, 1), ("taken", [2])]
        inbox.mark_nowait(B, Barrier(0, 1))
        await wait_all_tasks_blocked()
        assert consumer.seen[2:] == [Barrier(0, 1), ("taken", [1])]
        await inbox.put(A, Batch([3]))
        assert consumer.seen[4:] == [("began", [3]), ("ended", [3])]
        nursery.cancel_scope.cancel()


async def test_a_consumer_that_raises_raises_at_the_sender_and_is_given_back() -> None:
    consumer = Recorder(inbox := Inbox([A], batches_max=8, batch_records_max=1))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(consumer.run)
        await wait_all_tasks_blocked()
        with pytest.raises(ZeroDivisionError):
            await inbox.put(A, Batch([0]))
        inbox.mark_nowait(A, EndOfStream())
    assert consumer.seen == [("began", [0]), EndOfStream()]


async def test_a_slow_consumer_joins_what_waits_of_several_inputs() -> None:
    inbox = Inbox([A, B], batches_max=8, batch_records_max=100)
    inbox.put_nowait(B, Batch([3, 4]))
    inbox.mark_nowait(B, Barrier(0, 1))
    inbox.put_nowait(B, Batch([9]))
    joined = inbox.join_more(Batch([1, 2]), NONE, records_max=4)
    assert joined == Batch([1, 2, 3, 4])
    assert inbox.join_more(Batch([1]), NONE, records_max=9) == Batch([1])
    assert await inbox.get(NONE) == (B, Barrier(0, 1))


async def test_nothing_is_joined_beyond_the_bound_or_from_an_input_that_waits() -> None:
    inbox = Inbox([A, B], batches_max=8, batch_records_max=100)
    inbox.put_nowait(A, Batch([3, 4]))
    assert inbox.join_more(Batch([1, 2]), NONE, records_max=3) == Batch([1, 2])
    alignment = Alignment([A, B])
    alignment.take(A, Barrier(0, 1))
    assert inbox.join_more(Batch([1]), alignment, records_max=9) == Batch([1])


def test_a_barrier_is_sure_to_pass_when_each_input_has_it_or_has_ended() -> None:
    inbox = Inbox([A, B], batches_max=8, batch_records_max=1)
    alignment = Alignment([A, B])
    inbox.put_nowait(A, Batch([1]))
    inbox.mark_nowait(A, Barrier(0, 2))
    assert not inbox.will_pass(2, alignment)
    inbox.mark_nowait(B, Barrier(0, 1))
    assert not inbox.will_pass(2, alignment)
    alignment.take(B, EndOfStream())
    assert inbox.will_pass(2, alignment)
