"""Records of every kind: one worker and two give the same, also where a record cannot be sent."""

from pathlib import Path

import pytest
from support.harness import Hosts, WorkerProcess, hosts_in, wait_for

APPLICATION = """
import dataclasses
import attrs
import wallarood as w

@attrs.define
class Payment:
    account: str
    _cents: int = 0

@dataclasses.dataclass
class Price:
    name: str
    cents: int
    def __post_init__(self):
        self.cents *= 100

@dataclasses.dataclass
class Event:
    user: str

@dataclasses.dataclass
class Click(Event):
    page: str = ""

class BadError(Exception):
    def __init__(self, code, text):
        super().__init__(f"{{code}} {{text}}")

class Seen:
    pass

@w.computation
def payment(i: int) -> Payment: return Payment(f"k{{i}}", 5)
@w.computation
def price(i: int) -> Price: return Price(f"k{{i}}", 3)
@w.computation
def event(i: int) -> Event: return Click(f"k{{i}}", "home")
@w.computation
def mean(i: int) -> float: return i
@w.computation
def items(i: int) -> list[int]: return (i, True)
@w.computation(on_error={on_error!r})
def odd(i: int): return BadError(7, "x") if i == 13 else i
@w.computation(on_error={on_error!r})
def mixed(i: int): return [i, BadError(7, "x"), (lambda: i)][0 if i % 5 else i % 3]
@w.computation
def wrong(i: int) -> int: return True if i == 7 else i

@w.state_computation(state=Seen, name="show")
def show(record, state):
    return repr(record)

def text(record):
    return repr(record)

def through(step, key=text):
    state = w.state_computation(state=Seen, name="show-" + step.name)(lambda r, s: repr(r))
    sink = w.FileSink("out/" + step.name, format="lines")
    return source.to(step).key_by(key).to(state).to_sink(sink, name="out-" + step.name)

source = w.source("numbers", w.GeneratorSource(count=30))
app = w.application("records", *map(through, ({steps})))
"""


def run(directory: Path, text: str, count: int) -> list[WorkerProcess]:
    directory.mkdir()
    file = directory / "app.py"
    file.write_text(text)
    with hosts_in(directory) as hosts:
        workers = start(hosts, str(file), count)
        for worker in workers:
            worker.wait()
    return workers


def start(hosts: Hosts, application: str, count: int) -> list[WorkerProcess]:
    return hosts.start_cluster(count, application, "--exit-on-completion")


def written(directory: Path) -> dict[str, list[str]]:
    return {
        sink.name: sorted(
            line for file in sink.glob("[!.]*") for line in file.read_text().splitlines()
        )
        for sink in (directory / "out").glob("*")
    }


def test_records_are_the_same_on_one_worker_and_on_two(tmp_path: Path) -> None:
    steps = "payment, price, event, mean, items, mixed, wrong"
    text = APPLICATION.format(steps=steps, on_error="skip")
    found = []
    for count in (1, 2):
        directory = tmp_path / str(count)
        workers = run(directory, text, count)
        assert [worker.process.returncode for worker in workers] == [0] * count
        found.append(written(directory))
        assert any("found bool True, expected int" in worker.said for worker in workers)
    assert found[0] == found[1]
    assert [len(found[0][name]) for name in ("payment", "mean", "mixed")] == [30, 30, 26]


@pytest.mark.parametrize("count", [pytest.param(1, marks=pytest.mark.long), 2])
def test_a_record_that_cannot_be_sent_ends_all_workers_with_its_cause(
    tmp_path: Path, count: int
) -> None:
    text = APPLICATION.format(steps="odd,", on_error="stop")
    workers = run(tmp_path / "job", text, count)
    assert [worker.process.returncode for worker in workers] == [65] * count
    for worker in workers:
        assert "computation 'odd' failed at" in worker.said
        assert "cannot be unpickled: TypeError" in worker.said
        assert "record: BadError('7 x')" in worker.said


ENDLESS = """
import wallarood as w

class Seen:
    n = 0

@w.computation
def exact(i: int) -> tuple[str, int]: return (str(i), i)
@w.computation
def mean(i: int) -> float: return i
@w.state_computation(state=Seen, name="count exact")
def count_exact(record, seen): return None
@w.state_computation(state=Seen, name="count mean")
def count_mean(record, seen): return None

numbers = w.source("numbers", w.GeneratorSource(rate=200, count=100_000))
more = w.source("more", w.GeneratorSource(rate=200, count=100_000))
app = w.application(
    "x",
    numbers.to(exact).key_by(lambda r: r[0]).to(count_exact).to_sink(w.FileSink("out/exact")),
    more.to(mean).key_by(lambda r: str(r)).to(count_mean).to_sink(w.FileSink("out/mean")),
)
"""


def test_records_that_go_by_pickle_are_counted_in_the_status(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text(ENDLESS)
    with hosts_in(tmp_path) as hosts:
        workers = hosts.start_cluster(2, str(file))

        def pickled() -> dict[str, int]:
            said = [worker.status() for worker in workers]
            stages = [stage for each in said if each is not None for stage in each.stages]
            return {each.name: each.pickled for each in stages if each.pickled}

        wait_for("records are pickled", lambda: sum(pickled().values()) > 50)
        assert [name.split(" → ")[:2] for name in pickled()] == [["more", "mean"]]
