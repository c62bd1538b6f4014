"""Trials of a source: what is read again after a crash, what is gone, what appears.

Each returns what was shown, in words, or what begins with "not tried: ".
"""

import json
import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import attrs
import trio

from wallarood.app.connector import SourceReader
from wallarood.model.errors import ApplicationError, ServerAwayError, WallaroodError
from wallarood.testing.connectors.killing import cancelled_at
from wallarood.testing.connectors.proofs import NOT_TRIED, compare
from wallarood.testing.connectors.servers import Server, work_while_paused
from wallarood.testing.connectors.source_cases import SourceTrials

Trial = Callable[[SourceTrials], Awaitable[str]]

COUNT = 50
STEPS_MAX = 100
TURNS = 6
KILLS = 5
AGAIN_S = 0.2
AWAY_S = 0.5
NO_SERVER = NOT_TRIED + "no server was given"


async def replayed(trials: SourceTrials) -> str:
    """From each position the same follows, in the same order, as often as it is asked for."""
    batches = 0
    for partition in await trials.partitions():
        await trials.append(partition, COUNT)
        read = await _batches(trials, partition)
        for done, position in read:
            if json.loads(json.dumps(position)) != position:
                raise AssertionError(f"position {position!r} is not a value that JSON keeps")
            await _follows(trials, partition, done, position=position)
        await _follows(trials, partition, 0, position=None)
        batches += len(read)
    return f"from each of {batches} positions, and from the beginning"


async def _batches(trials: SourceTrials, partition: str) -> list[tuple[int, Any]]:
    """How many records came before each position, with small batches."""
    reader = await trials.open(partition, None)
    try:
        done, found = 0, []
        while done < len(trials.sent[partition]):
            with trio.fail_after(trials.case.patience_s):
                batch = await reader.read()
            assert batch is not None, "it has ended before all was read"
            most = trials.limits.batch_records_max
            assert len(batch.records) <= most, f"{len(batch.records)} records, not 1 to {most}"
            done += len(batch.records)
            found.append((done, batch.position))
            await reader.committed(found[0][1])  # which lets nothing go that is asked for below
        return found
    finally:
        await reader.aclose()


async def _follows(
    trials: SourceTrials, partition: str, done: int, *, position: Any
) -> SourceReader:
    reader = await trials.open(partition, position)
    try:
        await _reads(trials, reader, partition, done=done)
    finally:
        await reader.aclose()
    return reader


async def _reads(
    trials: SourceTrials, reader: SourceReader, partition: str, *, done: int
) -> tuple[int, Any]:
    """Read all that is there after *done* records; how many that are then, and the position."""
    due = [trials.case.seen(each) for each in trials.sent[partition][done:]]
    found: list[Any] = []
    position = None
    with trio.move_on_after(trials.case.patience_s):
        while len(found) < len(due) and (batch := await reader.read()) is not None:
            found += batch.records
            position = batch.position
    compare(f"after {done} records of {partition!r}", found, due)
    return done + len(due), position


async def cancelled(trials: SourceTrials) -> str:
    """A `read` that is cancelled has taken nothing."""
    partition = (await trials.partitions())[0]
    await trials.append(partition, COUNT)
    reader = await trials.open(partition, None)
    found: list[Any] = []
    times = 0
    try:

        async def read() -> None:
            with trio.fail_after(trials.case.patience_s):
                batch = await reader.read()
            assert batch is not None, "it has ended"
            found.extend(batch.records)

        for turn in range(STEPS_MAX):
            times += await cancelled_at(read, turn % TURNS)
            if len(found) >= len(trials.sent[partition]):
                break
        rest = len(found)
        due = [trials.case.seen(each) for each in trials.sent[partition]]
        compare("after cancelled reads", found, due[:rest])
        await _reads(trials, reader, partition, done=rest)
    finally:
        await reader.aclose()
    return f"{times} times"


async def gone(trials: SourceTrials) -> str:
    """A position that the server no longer has stops the source: nothing is skipped."""
    if trials.case.forget is None:
        return NOT_TRIED + "nothing forgets (forget=)"
    partition = (await trials.partitions())[0]
    await trials.append(partition, COUNT)
    read = await _batches(trials, partition)
    _, position = read[0]
    await trio.to_thread.run_sync(trials.case.forget, partition)
    try:
        reader = await trials.open(partition, position)
        try:
            with trio.fail_after(trials.case.patience_s):
                batch = await reader.read()
        finally:
            await reader.aclose()
    except ApplicationError as error:
        trials.forgotten.add(partition)
        return f"said: {error.message[:80]}…"
    except trio.TooSlowError:
        raise AssertionError(f"it waits at position {position}, which is gone") from None
    what = "an end" if batch is None else f"{batch.records[:1]!r:.100}"
    raise AssertionError(f"position {position} is gone, and it goes on with {what}")


async def appears(trials: SourceTrials) -> str:
    """A partition that appears is listed, and read from its beginning."""
    if trials.case.add_partition is None:
        return NOT_TRIED + "no partition appears (add_partition=)"
    before = await trials.partitions()
    await trio.to_thread.run_sync(trials.case.add_partition)
    new = before
    with trio.move_on_after(2 * trials.case.patience_s):
        while set(new) <= set(before):
            await trio.sleep(AGAIN_S)
            new = await trials.partitions()
    found = sorted(set(new) - set(before))
    assert found, f"no partition is listed besides {', '.join(before)}"
    assert set(before) <= set(new), f"not listed any more: {sorted(set(before) - set(new))}"
    for name in found:
        await trials.append(name, 3)
        await _follows(trials, name, 0, position=None)
    return f"listed and read: {', '.join(found)}"


async def server_killed(trials: SourceTrials) -> str:
    """It dies and comes back: the source goes on where it was."""
    server = trials.case.server
    if server is None:
        return NO_SERVER
    partition = trials.whole(await trials.partitions())
    kept = Kept(trials, partition)
    try:
        for _ in range(KILLS):
            await trials.append(partition, COUNT)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_bounce, trials, server, partition)
                await kept.read_until(len(trials.sent[partition]) + COUNT)
    finally:
        await kept.aclose()
    return f"{KILLS} times by SIGKILL, while it read and while it waited"


async def _bounce(trials: SourceTrials, server: Server, partition: str) -> None:
    await trio.sleep(random.uniform(0, AWAY_S))
    await trio.to_thread.run_sync(server.kill)
    await trio.sleep(AWAY_S)
    await trio.to_thread.run_sync(server.start)
    await trials.append(partition, COUNT)


@attrs.define(eq=False)
class Kept:
    """A partition that is opened again at its position when the server was away."""

    trials: SourceTrials
    partition: str
    done: int = 0
    position: Any = None
    said: str = ""
    _reader: SourceReader | None = None

    async def read_until(self, total: int) -> None:
        """Read until *total* records were. Raises AssertionError: something else came."""
        found: list[Any] = []
        with trio.move_on_after(4 * self.trials.case.patience_s):
            while self.done + len(found) < total:
                try:
                    if self._reader is None:
                        self._reader = await self.trials.open(self.partition, self.position)
                    batch = await self._reader.read()
                except ServerAwayError as error:
                    self.said = error.message
                    await self.aclose()
                    await trio.sleep(AGAIN_S)
                    continue
                assert batch is not None, "it has ended"
                found += batch.records
                self.position = batch.position
        due = self.trials.sent[self.partition][self.done : total]
        compare("with a server that was away", found, [self.trials.case.seen(each) for each in due])
        self.done = total

    async def aclose(self) -> None:
        """Close it."""
        if self._reader is not None:
            reader, self._reader = self._reader, None
            await reader.aclose()


async def server_slow(trials: SourceTrials) -> str:
    """It does not answer for a while: the event loop, with all other work, must go on."""
    server = trials.case.server
    if server is None:
        return NO_SERVER
    partition = trials.whole(await trials.partitions())
    kept = Kept(trials, partition)
    await trials.append(partition, COUNT)
    await kept.read_until(len(trials.sent[partition]))
    await trials.append(partition, COUNT)
    try:
        reading = partial(kept.read_until, len(trials.sent[partition]))
        return await work_while_paused(server, reading)
    finally:
        await kept.aclose()


async def refused(trials: SourceTrials) -> str:
    """It cannot work: that is said, with the word that tells why, and no secret."""
    if not trials.case.wrong:
        return NOT_TRIED + "no wrong sources were given"
    for name, (source, word) in trials.case.wrong.items():
        try:
            with trio.fail_after(trials.case.patience_s):
                partition = (await trials.partitions(source))[0]
                reader = await source.open(partition, None, trials.context())
                try:
                    await reader.read()
                finally:
                    await reader.aclose()
        except WallaroodError as error:
            message = error.message
        except trio.TooSlowError:
            raise AssertionError(
                f"{name}: nothing was said within {trials.case.patience_s:.0f} s"
            ) from None
        else:
            raise AssertionError(f"{name}: it reads")
        assert word in message, f"{name}: it says, without {word!r}: {message}"
        shown = [each for each in trials.case.secrets if each in message]
        assert not shown, f"{name}: a secret is shown: {message}"
    return ", ".join(trials.case.wrong)


READING: dict[str, Trial] = {
    "read again": replayed,
    "read cancelled": cancelled,
    "partition appears": appears,
    "server killed": server_killed,
    "server slow": server_slow,
    "refused": refused,
    "position gone": gone,
}
