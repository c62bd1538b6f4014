"""What the examples of this folder share: how often each word of some lines has come."""

import wallarood as w
from wallarood.model.errors import UsageError


class Seen:
    """How often a word has come."""

    count = 0


@w.state_computation(state=Seen)
def seen(word: str, state: Seen) -> tuple[str, int]:
    """The word, and how often it has come by now."""
    state.count += 1
    return word, state.count


def counted(lines: w.Stream[str]) -> w.Stream[tuple[str, int]]:
    """Each word of *lines*, and how often it has come by then."""
    return (
        lines.flat_map(str.split, name="split").key_by(lambda word: word, name="by-word").to(seen)
    )


def three(args: list[str], example: str, usage: str) -> tuple[str, str, str]:
    """The arguments. Raises UsageError: they are not three."""
    if len(args) != 3:
        raise UsageError(f"{example}: expected {usage}")
    first, second, third = args
    return first, second, third
