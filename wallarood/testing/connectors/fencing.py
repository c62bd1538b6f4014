"""Trials of a sink while its server is well: deaths, second writers, and states that do not fit.

Each returns what was shown, in words, or what begins with "not tried: ".
"""

import shutil
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import trio

from wallarood.app.connector import SinkWriter
from wallarood.connectors.spool.writer import SpooledWriter
from wallarood.model.errors import DamagedStateError, PeersGoneError
from wallarood.testing.connectors.cases import SinkTrials
from wallarood.testing.connectors.killing import any_delay, cancelled_at, publish_and_die
from wallarood.testing.connectors.lives import Life
from wallarood.testing.connectors.proofs import NOT_TRIED

Trial = Callable[[SinkTrials], Awaitable[str]]

STEPS_MAX = 200
RACES = 10
LARGE = 3000


async def repeated(trials: SinkTrials) -> str:
    """What is committed is published once, also if that is asked for again."""
    life = trials.life()
    writer = await life.open()
    for _ in range(3):
        await trials.checkpoint(life, writer)
    for each in [*life.unpublished, *life.unpublished]:
        await writer.commit(each)
    await writer.write(trials.records())
    await writer.prepare()  # which no checkpoint has
    await writer.aclose()
    writer = await life.open()
    await life.publish(writer)
    await writer.aclose()
    return "published three times, opened again"


async def cancelled(trials: SinkTrials) -> str:
    """A rollback may cancel `commit` wherever it waits."""
    life = trials.life()
    for turn in range(STEPS_MAX):
        writer = await life.open()
        prepared = await trials.checkpoint(life, writer)
        ended = not await cancelled_at(partial(writer.commit, prepared), turn)
        await writer.aclose()
        writer = await life.open()
        await life.publish(writer)
        await writer.aclose()
        if ended:
            return f"at each of {turn} points where it waits"
    raise AssertionError(f"publishing three records waits more than {STEPS_MAX} times")


async def dies_at_each_step(trials: SinkTrials) -> str:
    """A process dies before and after each call of the target."""
    life = trials.life()
    for step in range(1, STEPS_MAX):
        await _commit_some(trials, life)
        died = await publish_and_die(life, die_at=step)
        await _finish(life)
        await trials.check(f"killed at step {step}")
        if not died and step == 1:
            return NOT_TRIED + "the sink is no SpooledSink, whose steps are known"
        if not died:
            return f"by SIGKILL before and after each of {step // 2} calls of the target"
    raise AssertionError(f"publishing takes more than {STEPS_MAX} steps")


async def dies_at_any_moment(trials: SinkTrials) -> str:
    """A process dies while it publishes, wherever that is."""
    if not trials.case.kills:
        return NOT_TRIED + "kills=0"
    life, killed = trials.life(), 0
    for number in range(trials.case.kills):
        await _commit_some(trials, life, count=LARGE)
        killed += await publish_and_die(life, delay_s=any_delay())
        await _finish(life)
        await trials.check(f"after kill {number + 1}")
    return f"{killed} times by SIGKILL while it published, of {trials.case.kills}"


async def _commit_some(trials: SinkTrials, life: Life, *, count: int = 3) -> None:
    writer = await life.open()
    for _ in range(2):
        await trials.checkpoint(life, writer, count)
    await writer.aclose()


async def _finish(life: Life) -> None:
    writer = await life.open()
    await life.publish(writer)
    await writer.aclose()


async def zombie(trials: SinkTrials) -> str:
    """Another process believes to be this writer, and has the same transactions."""
    life = trials.life()
    writer = await life.open()
    await trials.checkpoint(life, writer)
    await life.publish(writer)
    first, second = [await trials.checkpoint(life, writer) for _ in range(2)]
    copy = life.copied()
    other = await copy.open()
    for each in (writer, other):
        await each.commit(first)
    await other.commit(second)
    await writer.commit(second)
    life.unpublished.clear()
    for _ in range(RACES):
        prepared = await trials.checkpoint(life, writer, 100)
        other = await _followed(life, other)
        async with trio.open_nursery() as nursery:
            for each in (writer, other):
                nursery.start_soon(_commit_in_race, each, prepared)
        life.unpublished.clear()
    await other.aclose()
    await writer.aclose()
    return f"second to commit, and {RACES} races of two at once"


async def _followed(life: Life, former: SinkWriter) -> SinkWriter:
    """A second process with a copy of what *life* has by now."""
    await former.aclose()
    return await life.copied().open()


async def _commit_in_race(writer: SinkWriter, prepared: Any) -> None:
    while True:
        try:
            await writer.commit(prepared)
            return
        except PeersGoneError:  # as when the other fences it: it is tried again
            await trio.sleep(0.1)


async def marker_ahead(trials: SinkTrials) -> str:
    """The cluster was put back before what it has published: no record may vanish in silence."""
    life = trials.life()
    writer = await life.open()
    await trials.checkpoint(life, writer)
    await life.publish(writer)
    before = attrs.evolve(life, unpublished=[])
    await trials.checkpoint(life, writer, 5)
    await life.publish(writer)
    await writer.aclose()
    for count in (3, 20, 3):  # as while a server is away, and the worker starts again
        writer = await before.open()
        await before.checkpoint(writer, trials.records(count))
        await writer.aclose()
    writer = await before.open()
    message = await _refused(writer, before.unpublished, "the server has more than was made")
    await writer.aclose()
    return f"refused: {message[:60]}…"


async def marker_lost(trials: SinkTrials) -> str:
    """The server has nothing of a writer that has published."""
    life = trials.life()
    writer = await life.open()
    if not isinstance(writer, SpooledWriter) or not getattr(writer.target, "keeps_marker", True):
        await writer.aclose()
        return NOT_TRIED + "the server keeps no marker"
    await writer.aclose()
    life.state = {"line": 0, "next": 8, "after": [0, 0]}
    writer = await life.open()
    prepared = await life.checkpoint(writer, trials.records())
    message = await _refused(writer, [prepared], "the server has lost what was published")
    await writer.aclose()
    return f"refused: {message[:60]}…"


async def damaged_spool(trials: SinkTrials) -> str:
    """What is to be published is damaged, or gone."""
    life = trials.life()
    writer = await life.open()
    transactions = [await life.checkpoint(writer, trials.records()) for _ in range(2)]
    await writer.aclose()
    if not await trio.to_thread.run_sync(_flip_last_bytes, Path(life.context.directory)):
        return NOT_TRIED + "nothing is kept in the directory"
    writer = await life.open()
    await _refused(writer, transactions, "a file of the spool is damaged")
    await writer.aclose()
    await trio.to_thread.run_sync(shutil.rmtree, life.context.directory)
    writer = await life.open()
    await _refused(writer, transactions, "a file of the spool is gone")
    await writer.aclose()
    return "refused: damaged, and gone"


def _flip_last_bytes(directory: Path) -> bool:
    """Damage the files in *directory*, but for notes, which are hidden; whether there are any."""
    files = [each for each in directory.iterdir() if not each.name.startswith(".")]
    for each in files:
        content = each.read_bytes()
        each.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    return bool(files)


async def _refused(writer: SinkWriter, transactions: Iterable[Any], why: str) -> str:
    """Raises AssertionError: they are published."""
    for each in transactions:
        try:
            await writer.commit(each)
        except DamagedStateError as error:
            return error.message
    raise AssertionError(f"{why}, and it was not found out")


async def line(trials: SinkTrials) -> str:
    """A kept checkpoint was put back: what is made again comes in another order, and is new."""
    life = trials.life()
    writer = await life.open()
    await trials.checkpoint(life, writer)
    await life.publish(writer)
    await trials.checkpoint(life, writer)
    kept = attrs.evolve(life, unpublished=list(life.unpublished))
    await life.publish(writer)
    await trials.checkpoint(life, writer)
    await life.publish(writer)
    await writer.aclose()
    for number in (1, 2):
        again = attrs.evolve(kept, unpublished=list(kept.unpublished))
        again.context = attrs.evolve(kept.context, line=number)
        writer = await again.open()
        await trials.checkpoint(again, writer, 2)
        await again.publish(writer)
        await trials.checkpoint(again, writer, 4)
        copy = attrs.evolve(again, unpublished=list(again.unpublished))
        await again.publish(writer)
        await writer.aclose()
        await _finish(copy)
    return "put back twice, opened again"


FENCING: dict[str, Trial] = {
    "published again": repeated,
    "commit cancelled": cancelled,
    "process killed": dies_at_each_step,
    "killed at any moment": dies_at_any_moment,
    "zombie writer": zombie,
    "marker ahead": marker_ahead,
    "marker lost": marker_lost,
    "spool damaged": damaged_spool,
    "checkpoint put back": line,
}
