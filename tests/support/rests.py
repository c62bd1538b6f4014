"""An application that counts numbers by their rest, and what it must have written."""

from collections import Counter
from pathlib import Path

RESTS = 97
SEEN = f"""
import wallarood as w

class Seen:
    count = 0

@w.state_computation(state=Seen)
def seen(number: int, state: Seen) -> tuple[int, int]:
    state.count += 1
    return number % {RESTS}, state.count

"""
"""What counts them, in an application."""
BY_REST = f'key_by(lambda number: number % {RESTS}, name="by-rest")'


def counting(name: str, numbers: str, *, sink: str = 'w.FileSink("out")') -> str:
    """An application with *numbers* as the arguments of its GeneratorSource."""
    return counting_from(f'"numbers", w.GeneratorSource({numbers})', sink, name=name)


def counting_from(source: str, sink: str, *, name: str) -> str:
    """The application *name*, with these arguments of `w.source` and of `to_sink`."""
    return f"""{SEEN}app = w.application(
    "{name}",
    w.source({source})
    .{BY_REST}
    .to(seen)
    .to_sink({sink}),
)
"""


def counted(directory: Path, output: str = "out") -> dict[int, list[int]]:
    """All counts of each rest below *output*, in their order."""
    found: dict[int, list[int]] = {}
    for file in (directory / output).glob("[!.]*"):
        for line in file.read_text().splitlines():
            rest, count = map(int, line.split("\t"))
            found.setdefault(rest, []).append(count)
    return {rest: sorted(counts) for rest, counts in found.items()}


def check_counted(directory: Path, output: str = "out") -> None:
    """Each number up to the last was counted once: 1, 2, 3, … with no gap and no repeat."""
    found = counted(directory, output)
    expected = Counter(number % RESTS for number in range(sum(map(len, found.values()))))
    assert found == {rest: list(range(1, count + 1)) for rest, count in expected.items()}
