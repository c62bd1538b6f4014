"""What was shown of a connector, and what was not tried."""

from collections.abc import Awaitable, Callable, Collection, Mapping

import attrs

from wallarood.model.errors import first_error

NOT_TRIED = "not tried: "
"""What begins like this is why a trial was not done."""


@attrs.define
class Proof:
    """What a run of the kit has shown of `connector`; ``print(proof)`` says it."""

    connector: str
    claim: str
    shown: dict[str, str] = attrs.field(factory=dict)
    """By trial: what was done, and held."""
    untried: dict[str, str] = attrs.field(factory=dict)
    """By trial: why it was not done."""

    def __str__(self) -> str:
        width = max(map(len, (*self.shown, *self.untried)), default=0)
        lines = [f"{self.connector}: {self.claim}"]
        lines += [f"  {trial:<{width}}  {what}" for trial, what in self.shown.items()]
        lines += [f"  {trial:<{width}}  NOT TRIED: {why}" for trial, why in self.untried.items()]
        return "\n".join(lines)


def compare(when: str, found: list[object], expected: list[object]) -> None:
    """Raises AssertionError: a reader of the server sees something else than it must."""
    if found == expected:
        return
    pairs = enumerate(zip(found, expected, strict=False))
    place = next((n for n, (one, other) in pairs if one != other), min(len(found), len(expected)))
    seen = repr(found[place])[:200] if place < len(found) else "nothing"
    due = repr(expected[place])[:200] if place < len(expected) else "nothing"
    raise AssertionError(
        f"{when}, a reader sees {len(found):,} records where {len(expected):,} are due; "
        f"the first that differs is number {place:,}: {seen} instead of {due}"
    )


async def try_all(
    proof: Proof, trials: Mapping[str, Callable[[], Awaitable[str]]], only: Collection[str]
) -> Proof:
    """Do the trials, all or *only* some, and note in *proof* what each has shown.

    Raises AssertionError: something else was found; the message names the trial.
    """
    for name, trial in trials.items():
        if only and name not in only:
            proof.untried[name] = "left out"
            continue
        try:
            what = await trial()
        except Exception as group:
            error = first_error(group)
            kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
            raise AssertionError(f"{name}: {kind}{error}") from error
        if what.startswith(NOT_TRIED):
            proof.untried[name] = what.removeprefix(NOT_TRIED)
        else:
            proof.shown[name] = what
    return proof
