"""Trials of a sink whose server dies, is away, is slow, or refuses it.

Each returns what was shown, in words, or what begins with "not tried: ".
"""

import random
from collections.abc import Awaitable, Callable
from functools import partial

import trio

from wallarood.app.connector import Sink, SinkWriter
from wallarood.model.errors import DamagedStateError, WallaroodError
from wallarood.testing.connectors.cases import SinkTrials
from wallarood.testing.connectors.fencing import Trial
from wallarood.testing.connectors.proofs import NOT_TRIED
from wallarood.testing.connectors.servers import Server, work_while_paused

KILLS = 5
LARGE = 3000
AGAIN_S = 0.2
SAID_WITHIN_S = 60.0
BACK_WITHIN_S = 120.0
NO_SERVER = NOT_TRIED + "no server was given"


async def server_killed(trials: SinkTrials) -> str:
    """It dies while records are applied, and comes back with its data."""
    server = trials.case.server
    if server is None:
        return NO_SERVER
    life = trials.life()
    writer = await life.open()
    for number in range(KILLS):
        await trials.checkpoint(life, writer, LARGE)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_bounce, server, random.uniform(0, 0.05))
            await _publish_until_done(writer, life.unpublished)
        life.unpublished.clear()
        await trials.check(f"after kill {number + 1}")
    await writer.aclose()
    return f"{KILLS} times by SIGKILL while records were applied"


async def _bounce(server: Server, after_s: float) -> None:
    await trio.sleep(after_s)
    await trio.to_thread.run_sync(server.kill)
    await trio.to_thread.run_sync(server.start)


async def _publish_until_done(writer: SinkWriter, transactions: list[object]) -> None:
    with trio.move_on_after(BACK_WITHIN_S) as scope:
        for each in transactions:
            while True:
                try:
                    await writer.commit(each)
                    break
                except DamagedStateError:
                    raise
                except WallaroodError:
                    await trio.sleep(AGAIN_S)
    if scope.cancelled_caught:
        raise AssertionError(f"nothing is published {BACK_WITHIN_S:.0f} s after the server is back")


async def server_away(trials: SinkTrials) -> str:
    """Nothing is there: that is said, with the server's name, and records are kept meanwhile."""
    server = trials.case.server
    if server is None:
        return NO_SERVER
    life = trials.life()
    writer = await life.open()
    await trials.checkpoint(life, writer)
    await life.publish(writer)
    await trio.to_thread.run_sync(server.kill)
    said = ""
    for _ in range(3):
        prepared = await trials.checkpoint(life, writer)
        said = await _said_by(partial(writer.commit, prepared), trials)
    await writer.aclose()
    writer = await life.open()
    await trio.to_thread.run_sync(server.start)
    await _publish_until_done(writer, life.unpublished)
    await writer.aclose()
    return f"kept until it was back; said: {said[:80]}"


async def _said_by(call: Callable[[], Awaitable[object]], trials: SinkTrials) -> str:
    """What *call* raises. Raises AssertionError: nothing, or too late, or with a secret."""
    try:
        with trio.fail_after(SAID_WITHIN_S):
            await call()
    except WallaroodError as error:
        message = error.message
    except trio.TooSlowError:
        raise AssertionError(f"nothing was said within {SAID_WITHIN_S:.0f} s") from None
    else:
        raise AssertionError("it was published to a server that is not there")
    shown = [each for each in trials.case.secrets if each in message]
    assert not shown, f"a secret is shown: {message}"
    return message


async def server_slow(trials: SinkTrials) -> str:
    """It does not answer for a while: the event loop, with all other work, must go on."""
    server = trials.case.server
    if server is None:
        return NO_SERVER
    life = trials.life()
    writer = await life.open()
    await trials.checkpoint(life, writer)
    await life.publish(writer)
    await trials.checkpoint(life, writer)
    try:
        return await work_while_paused(
            server, partial(_publish_until_done, writer, life.unpublished)
        )
    finally:
        await writer.aclose()


async def refused(trials: SinkTrials) -> str:
    """It cannot work: `wallarood check --connect` and a worker say the same, and no secret."""
    if not trials.case.wrong:
        return NOT_TRIED + "no wrong sinks were given"
    for name, (sink, word) in trials.case.wrong.items():
        said = await _refusals(sink, trials)
        for where, message in said.items():
            assert word in message, f"{name}: {where} says, without {word!r}: {message}"
        first, *others = said.values()
        assert not others or others[0].endswith(first) or first.endswith(others[0]), (
            f"{name}: not the same is said: {said}"
        )
    return ", ".join(trials.case.wrong)


async def _refusals(sink: Sink, trials: SinkTrials) -> dict[str, str]:
    said = {}
    if (check := getattr(sink, "check_connected", None)) is not None:
        said["the check"] = await _said_by(check, trials)
    life = trials.life()
    life.sink = sink
    writer = await life.open()
    prepared = await life.checkpoint(writer, trials.records())
    said["the worker"] = await _said_by(partial(writer.commit, prepared), trials)
    await writer.aclose()
    return said


BREAKING: dict[str, Trial] = {
    "server killed": server_killed,
    "server away": server_away,
    "server slow": server_slow,
    "refused": refused,
}
