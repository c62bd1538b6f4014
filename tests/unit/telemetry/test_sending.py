"""What is sent, and that a collector which is away, hangs or fails holds up nothing."""

import threading
from collections.abc import Callable, Sequence

import attrs
import pytest
import trio
import trio.lowlevel
from support.clusters import full_status
from support.patience import patiently

from wallarood.telemetry import sending
from wallarood.telemetry.points import Points
from wallarood.telemetry.sending import Sending
from wallarood.telemetry.spans import Place, Span, Spans


@attrs.define(eq=False)
class Taken:
    """A collector in this process."""

    takes: bool = True
    spans: list[str] = attrs.field(factory=list)
    points: int = 0
    problem: str = "it is full"
    hold: threading.Event | None = None
    asked: int = 0

    def send_spans(self, spans: Sequence[Span]) -> bool:
        self.asked += 1
        if self.hold is not None:
            self.hold.wait(20)
        if self.takes:
            self.spans += [each.name for each in spans]
        return self.takes

    def send_points(self, points: Points) -> bool:
        self.asked += 1
        assert points.points
        self.points += self.takes
        return self.takes


def sending_to(connect: Callable[[], Taken]) -> Sending:
    made = Sending(full_status, Spans(), connect, 0.05, "http://here")
    for number in range(3):
        made.spans.add(Span(str(number), Place.new(), None, 1, 2))
    return made


async def until(so: Callable[[], object]) -> None:
    with patiently(10):
        while not so():  # noqa: ASYNC110 - a thread does it
            await trio.sleep(0.01)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "SPANS_S", 0.05)


async def test_spans_are_sent_once_and_points_again_and_again(nursery: trio.Nursery) -> None:
    taken = Taken()
    made = sending_to(lambda: taken)
    nursery.start_soon(made.run)
    await until(lambda: taken.points > 1)
    assert taken.spans == ["0", "1", "2"]
    assert not made.spans.waiting


async def test_what_is_not_taken_waits_and_it_is_said_once(
    nursery: trio.Nursery, capfd: pytest.CaptureFixture[str]
) -> None:
    taken = Taken(takes=False)
    made = sending_to(lambda: taken)
    nursery.start_soon(made.run)
    await until(lambda: taken.asked > 5)
    await until(lambda: len(made.spans.waiting) == 3)  # not while they are on their way once more
    taken.takes = True
    said = ""

    def heard() -> str:
        nonlocal said
        new = capfd.readouterr()
        said += new.out + new.err
        return said

    await until(lambda: "takes what is sent again" in heard())
    await until(lambda: taken.spans)
    assert taken.spans == ["0", "1", "2"]
    assert heard().count("not reached") == 1
    assert "it is full" in said
    assert said.count("takes what is sent again") == 1


async def test_an_sdk_that_fails_ends_nothing_and_is_tried_again(nursery: trio.Nursery) -> None:
    failures = [ZeroDivisionError("in the SDK")] * 3
    taken = Taken()

    def connect() -> Taken:
        if failures:
            raise failures.pop()
        return taken

    nursery.start_soon(sending_to(connect).run)
    await until(lambda: taken.spans)
    assert not failures


async def test_one_that_hangs_holds_up_neither_the_loop_nor_the_end() -> None:
    taken = Taken(hold=threading.Event())
    made = sending_to(lambda: taken)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(made.run)
            await until(lambda: taken.asked and not made.spans.waiting)  # points do not hang
            began = trio.current_time()
            for number in range(10_000):
                made.spans.add(Span(str(number), Place.new(), None, 1, 2))
                if number % 100 == 0:
                    await trio.lowlevel.checkpoint()
            assert trio.current_time() - began < 10, "it hangs for twenty seconds"
            assert made.spans.dropped == 10_000 - len(made.spans.waiting)
            nursery.cancel_scope.cancel()
        assert trio.current_time() - began < 15
    finally:
        assert taken.hold is not None
        taken.hold.set()


async def test_what_is_there_at_the_end_is_sent_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "SPANS_S", 60)
    monkeypatch.setattr(sending, "LAST_S", 20)
    taken = Taken()
    made = sending_to(lambda: taken)
    made.interval_s = 60
    async with trio.open_nursery() as nursery:
        nursery.start_soon(made.run)
        await trio.sleep(0.05)
        nursery.cancel_scope.cancel()
    assert taken.spans == ["0", "1", "2"]
    assert taken.points == 1
