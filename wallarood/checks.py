"""What sources and sinks say of themselves before a worker runs: by their own hooks.

A connector may have ``check()``, which looks at what is on this host, makes and changes nothing,
and returns at once; and ``await check_connected()``, which connects to its server. Both raise a
`WallaroodError` whose message says what was found and what to do.
"""

from collections.abc import Iterator
from functools import partial

import trio

from wallarood.model.errors import PeersGoneError, WallaroodError
from wallarood.model.pipeline import Application, Step

ANSWER_S = 30.0


def check_connectors(application: Application) -> None:
    """Ask each for what can be seen from here. Raises WallaroodError: all problems together."""
    problems = []
    for step in _connected(application):
        if (check := getattr(step.connector, "check", None)) is not None:
            try:
                check()
            except WallaroodError as error:
                problems.append(_of(step, error))
    _raise(problems)


def check_servers(application: Application) -> None:
    """Let each connect to its server. Raises WallaroodError: all problems together."""
    trio.run(_check_servers, application)


async def _check_servers(application: Application) -> None:
    problems: dict[int, WallaroodError] = {}

    async def ask(number: int, step: Step) -> None:
        try:
            with trio.fail_after(ANSWER_S):
                await step.connector.check_connected()
        except WallaroodError as error:
            problems[number] = _of(step, error)
        except trio.TooSlowError:
            late = PeersGoneError(f"no answer within {ANSWER_S:.0f} s")
            problems[number] = _of(step, late)

    async with trio.open_nursery() as nursery:
        for number, step in enumerate(_connected(application)):
            if hasattr(step.connector, "check_connected"):
                nursery.start_soon(partial(ask, number, step))
    _raise([problems[number] for number in sorted(problems)])


def _connected(application: Application) -> Iterator[Step]:
    return (step for step in application.steps if step.connector is not None)


def _of(step: Step, error: WallaroodError) -> WallaroodError:
    found = WallaroodError(f"{step.where}: {step.name}: {error.message}")
    found.exit_code = error.exit_code
    return found


def _raise(problems: list[WallaroodError]) -> None:
    if problems:
        error = WallaroodError("\n".join(each.message for each in problems))
        error.exit_code = problems[0].exit_code
        raise error
