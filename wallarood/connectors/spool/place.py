"""Where an exactly-once sink stands: in which line, and at which number.

Theory of operation
===================
A number stands for the same record as long as the cluster never goes back below what it has
published. When an operator puts a kept checkpoint back, it does: what came after it is made again,
perhaps in another order. That is another *line*. The sink then numbers its records from 1 again,
and knows after which record of which line it continues. What was prepared in an older line and
belongs to the checkpoint is still published in that one, before anything else.
"""

from typing import Any

import attrs


@attrs.frozen
class Place:
    """The number of the `next` record of `line`, which continues after (line, number) `after`."""

    line: int = 0
    next: int = 1
    after: tuple[int, int] = (0, 0)

    @classmethod
    def of(cls, state: Any) -> "Place":
        """From the state of a writer; None: the beginning."""
        if state is None:
            return cls()
        return cls(state["line"], state["next"], tuple(state["after"]))

    @property
    def state(self) -> dict[str, Any]:
        """As the state of a writer, a JSON value."""
        return {"line": self.line, "next": self.next, "after": list(self.after)}

    @property
    def file(self) -> str:
        """The name, without its ending, of the file whose first record is the next one."""
        return f"{self.line}-{self.next:016d}"

    def in_line(self, line: int) -> "Place":
        """Where a writer that is opened in *line* begins."""
        if line <= self.line:
            return self
        # A line in which nothing was published is not known to the receiver: continue from its
        # beginning.
        after = (self.line, self.next - 1) if self.next > 1 else self.after
        return Place(line, 1, after)


def place_of(file: str) -> tuple[int, int]:
    """The line and the first number of a file of a spool."""
    line, _, number = file.partition(".")[0].partition("-")
    return int(line), int(number)
