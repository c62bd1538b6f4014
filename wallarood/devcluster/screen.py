"""What `dev` and `demo` show: log lines with the worker in front, and one live line below them.

Progress and logs go to stderr, the live line and colours only if that is a terminal; results and
placement go to stdout, so that they can be piped.
"""

import os
import shutil
import sys
from collections.abc import Callable

import attrs

from wallarood.admin.status import JobState, progress
from wallarood.admin.text.cluster import topology_table
from wallarood.devcluster.cluster import View
from wallarood.model.ids import WorkerName

COLOURS = (36, 33, 35, 32, 34, 96, 93, 95, 92, 94)
TONES = {"[warning": 33, "[error": 31, "wallarood: error:": 31}
ERASE_LINE = "\r\x1b[K"
BAR_CELLS = 20
NOT_MOVING = (JobState.FORMING, JobState.RECOVERING, JobState.PAUSED)


@attrs.define
class Screen:
    """The terminal of one local cluster. `live` is whether stderr shows a live line."""

    workers: tuple[WorkerName, ...]
    live: bool
    colours: bool
    _shown: str = ""
    _joined: set[WorkerName] = attrs.field(factory=set)
    _formed: bool = False

    def line(self, worker: WorkerName, text: str) -> None:
        """A line of a worker's log."""
        name = worker.ljust(max(map(len, self.workers)))
        text = text.removesuffix(f" worker={worker}")  # it stands in front already
        self._above(f"{self._painted(name, worker)} │ {self._toned(text)}", to_stderr)

    def view(self, view: View) -> None:
        """Show the joining workers, the placement once, and the live line."""
        for worker in view.topology.workers if view.topology is not None else view.statuses:
            self._join(worker)
        if view.topology is not None and not self._formed:
            self._formed = True
            self._above(formed_text(view), to_stdout)
        if self._formed:
            self._show(self._live_text(view))
        elif view.statuses:
            self._show(next(iter(view.statuses.values())).phase)
        else:
            self._show(f"starting {count_of(len(self.workers))}")

    def _join(self, worker: WorkerName) -> None:
        if worker not in self._joined:
            self._joined.add(worker)
            count = f"{len(self._joined)} of {len(self.workers)}"
            self.say(f"worker {self._painted(worker, worker)} started ({count})")

    def say(self, text: str) -> None:
        """A line for a person who watches, on stderr."""
        self._above(text, to_stderr)

    def result(self, text: str) -> None:
        """A line of the result, on stdout."""
        self._above(text, to_stdout)

    def clear(self) -> None:
        """Take the live line away."""
        if self._shown:
            sys.stderr.write(ERASE_LINE)
            sys.stderr.flush()
            self._shown = ""

    def _live_text(self, view: View) -> str:
        statuses = view.statuses.values()
        sources = tuple(source for each in statuses for source in each.sources)
        records = sum(source.records for source in sources)
        rate = sum(each.rate for each in statuses)
        # Until all have said what they read, the share would be one of a part of the input.
        share = progress(sources) if len(statuses) == len(self.workers) else None
        paused = [each.phase for each in statuses if each.job in NOT_MOVING]
        parts = [f"{records:,} records", f"{rate:,.0f}/s"]
        if share is not None:
            full = int(share * BAR_CELLS)
            parts.insert(0, f"{'━' * full}{'╌' * (BAR_CELLS - full)} {share:4.0%}")
        parts += paused[:1]
        return "  ".join(parts)

    def _show(self, text: str) -> None:
        if self.live and text and text != self._shown:
            self._shown = text[: shutil.get_terminal_size().columns - 1]
            sys.stderr.write(ERASE_LINE + self._shown)
            sys.stderr.flush()

    def _above(self, text: str, write: Callable[[str], None]) -> None:
        shown = self._shown
        self.clear()
        write(text)
        self._show(shown)

    def _toned(self, text: str) -> str:
        for level, colour in TONES.items():
            if self.colours and level in text:
                return f"\x1b[{colour}m{text}\x1b[0m"
        return text

    def _painted(self, text: str, worker: WorkerName) -> str:
        if not self.colours:
            return text
        colour = COLOURS[self.workers.index(worker) % len(COLOURS)]
        return f"\x1b[{colour}m{text}\x1b[0m"


def to_stderr(text: str) -> None:
    """Print one line on stderr."""
    print(text, file=sys.stderr, flush=True)


def to_stdout(text: str) -> None:
    """Print one line on stdout."""
    print(text, flush=True)


def make_screen(workers: tuple[WorkerName, ...]) -> Screen:
    """A screen for stderr as it is: live and coloured on a terminal; NO_COLOR is respected."""
    terminal = sys.stderr.isatty()
    return Screen(workers, terminal, terminal and not os.environ.get("NO_COLOR"))


def count_of(workers: int) -> str:
    """So many workers, in words."""
    return f"{workers} {'worker' if workers == 1 else 'workers'}"


def formed_text(view: View) -> str:
    """The cluster's ID, stages and placement."""
    assert view.topology is not None
    count = count_of(len(view.topology.workers))
    return (
        f"\ncluster {view.cluster_id}: {count}, led by {view.topology.leader}\n\n"
        f"{topology_table(view.topology)}\n"
    )
