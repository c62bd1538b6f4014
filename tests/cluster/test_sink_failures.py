"""Sinks that fail: the cause is what a worker ends with, whatever fails after it."""

from pathlib import Path

import pytest
from support.harness import hosts_in, wait_for

APPLICATION = """
import wallarood as w
from wallarood.model.errors import DamagedStateError

class Writer:
    def __init__(self, how):
        self.how, self.state = how, None
    async def write(self, records):
        if self.how == "write":
            raise w.ApplicationError("the cause")
    async def prepare(self):
        return 1
    async def commit(self, prepared):
        if self.how == "commit":
            raise DamagedStateError("the cause")
    async def aclose(self):
        raise OSError("what follows from it")

class Sink:
    def __init__(self, how):
        self.how = how
    async def open(self, context, state):
        return Writer(self.how)

def app(args):
    numbers = w.source("numbers", w.GeneratorSource(rate=100))
    return w.application("failing", numbers.key_by(lambda n: n % 5).map(str).to_sink(Sink(*args)))
"""


@pytest.mark.parametrize("how", ["write", "commit"])
def test_the_cause_is_not_hidden_by_a_sink_that_cannot_be_closed(tmp_path: Path, how: str) -> None:
    """A record that cannot be written ends all; damaged output is one worker's own trouble."""
    (tmp_path / "failing.py").write_text(APPLICATION)
    with hosts_in(tmp_path) as hosts:
        workers = hosts.start_cluster(2, str(tmp_path / "failing.py"), args=(how,))
        wait_for("an end", lambda: any(each.process.poll() is not None for each in workers))
        if how == "commit":
            workers = [each for each in workers if each.process.poll() is not None]
        for worker in workers:
            assert worker.wait() == 65, worker.said
            assert "the cause" in worker.lines[-1], worker.said
            assert "Traceback" not in worker.said
