"""One seed for Python's `hash` on all workers, and at every start of each."""
# Theory of operation
# ===================
# Python hashes text with a seed that is drawn at random when a process starts, unless the variable
# PYTHONHASHSEED gives it. With different seeds a key function that calls `hash` sends the same word
# to different workers, and what follows from the order of a set differs after a restart. The seed
# cannot be changed in a process that runs: it executes itself once more, with the same arguments,
# before anything else is loaded: what this module and `wallarood.__main__` import counts twice in
# every start. A seed of the operator's own is part of what the workers of a cluster must agree on.

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from wallarood.model.pipeline import Application

VARIABLE: "Final" = "PYTHONHASHSEED"
SEED: "Final" = "0"
_ISOLATED: "Final" = {"-I": "-sP", "-E": None}
"""What is said in place of flags by which the environment is ignored."""


def fix_hash_seed() -> None:
    """Execute this process again with a seed, if its seed was drawn at random."""
    if os.environ.get(VARIABLE, "random") != "random" and not sys.flags.ignore_environment:
        return
    environment, flags = again(dict(os.environ), sys.orig_argv[1:])
    os.execve(sys.executable, [sys.executable, *flags], environment)


def again(environment: dict[str, str], flags: list[str]) -> tuple[dict[str, str], list[str]]:
    """The environment and the arguments with which Python has the seed.

    Where Python was told to ignore its variables, only the seed is let through.
    """
    place = next((n for n, each in enumerate(flags) if not each.startswith("-")), len(flags))
    own, rest = flags[:place], flags[place:]
    given = environment.get(VARIABLE, "random")
    if any(flag in _ISOLATED for flag in own):
        environment = {k: v for k, v in environment.items() if not k.startswith("PYTHON")}
        own = [new for flag in own if (new := _ISOLATED.get(flag, flag)) is not None]
    return {**environment, VARIABLE: SEED if given == "random" else given}, [*own, *rest]


def with_hash_seed(application: "Application") -> "Application":
    """*application*, with a seed that is the operator's own in its fingerprint."""
    seed = os.environ.get(VARIABLE, SEED)
    if seed in (SEED, "random"):
        return application
    import attrs  # noqa: PLC0415 - this module counts in every start

    line = f"{VARIABLE} {seed}"
    return attrs.evolve(application, fingerprint=(*application.fingerprint, line))
