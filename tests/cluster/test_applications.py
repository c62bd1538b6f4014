"""Applications with every kind of computation on several workers, against plain Python."""

import json
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from support.harness import ended_well, hosts_in

EVERYTHING = """
import trio
import wallarood as w

letters = w.dead_letter(w.FileSink("letters", format="json"), name="letters")


class Total:
    def __init__(self) -> None:
        self.amount = 0


@w.computation(on_error=letters)
def parse(number: int) -> int:
    if number % 1000 == 7:
        raise ValueError("no good")
    return 1 << (number % 100)


def odd_one_out(number: int) -> int | None:
    if number == 1 << 50:
        raise KeyError(number)
    return number


async def awaited(number: int) -> int:
    await trio.lowlevel.checkpoint()
    return number + 1


@w.computation(blocking=True)
def blocked(number: int) -> int:
    return number - 1


@w.computation_batch
def doubled(numbers: list[int]) -> list[int]:
    return [2 * number for number in numbers]


@w.state_computation(state=Total)
def by_rest(number: int, total: Total) -> tuple[int, int]:
    total.amount += number
    return number % 10, total.amount


@w.state_computation(state=Total)
def numbered(row: tuple[int, int], total: Total) -> tuple[int, int, int]:
    total.amount += 1
    return (total.amount, *row)


first = w.source("first", w.GeneratorSource(count=6000, partitions=4)).to(parse)
second = w.source("second", w.GeneratorSource(count=3000)).map(lambda n: 3 * n + 1)
merged = (
    w.merge(first, second)
    .map(odd_one_out, on_error="skip")
    .to(awaited)
    .to(blocked)
    .to(doubled)
)
small, large = merged.branch(lambda number: number < 1 << 40, name="small")
app = w.application(
    "everything",
    small.key_by(lambda number: (number % 10, "rest"), name="key").to(by_rest)
    .collect().to(numbered).to_sink(w.FileSink("numbered")),
    large.to_sinks(w.FileSink("large", format="lines"), w.FileSink("again", format="lines")),
)
"""


def lines(directory: Path) -> list[str]:
    files = sorted(directory.glob("[!.]*"))
    return [line for file in files for line in file.read_text().splitlines()]


@pytest.mark.parametrize("count", [1, 3])
def test_every_kind_of_computation_gives_what_plain_python_gives(
    tmp_path: Path, count: int
) -> None:
    file = tmp_path / "everything.py"
    file.write_text(EVERYTHING)
    with hosts_in(tmp_path) as hosts:
        ended_well(hosts.start_cluster(count, str(file), "--exit-on-completion"))

    parsed = [1 << (n % 100) for n in range(6000) if n % 1000 != 7]
    merged = [2 * n for n in [*parsed, *(3 * n + 1 for n in range(3000))] if n != 1 << 50]
    small = [n for n in merged if n < 1 << 40]
    large = Counter(str(n) for n in merged if n >= 1 << 40)
    assert Counter(lines(tmp_path / "large")) == large
    assert Counter(lines(tmp_path / "again")) == large

    rows = [tuple(map(int, line.split("\t"))) for line in lines(tmp_path / "numbered")]
    assert [number for number, _, _ in rows] == list(range(1, len(small) + 1))
    added = defaultdict(list)
    previous: dict[int, int] = defaultdict(int)
    for _, rest, total in rows:
        added[rest].append(total - previous[rest])
        previous[rest] = total
    for rest in range(10):
        assert Counter(added[rest]) == Counter(n for n in small if n % 10 == rest)

    letters = [json.loads(line) for line in lines(tmp_path / "letters")]
    assert sorted(int(each["record"]) for each in letters) == list(range(7, 6000, 1000))
    assert {each["computation"] for each in letters} == {"parse"}
    assert {each["error"] for each in letters} == {"ValueError: no good"}


def test_a_sink_that_fails_ends_its_worker_with_its_error(tmp_path: Path) -> None:
    file = tmp_path / "broken_sink.py"
    file.write_text(
        "import wallarood as w\n"
        'app = w.application("broken", w.source("n", w.GeneratorSource(count=100))'
        '.to_sink(w.FileSink("/proc/none")))\n'
    )
    with hosts_in(tmp_path) as hosts:
        worker = hosts.start("alpha", str(file), "--exit-on-completion")
        assert worker.wait() == 73, worker.said
        assert "/proc/none" in worker.said
        assert "Traceback" not in worker.said


LEAVING = """
import wallarood as w


class Leaving:
    async def open(self, context, state):
        return self

    state = None

    async def write(self, records):
        raise SystemExit(0)

    async def prepare(self):  # a checkpoint may be begun before
        return 1

    async def commit(self, prepared):
        return

    async def aclose(self):
        return


numbers = w.source("n", w.GeneratorSource(count=100))
app = w.application("leaving", numbers.to_sink(Leaving(), name="outside"))
"""


def test_a_sink_of_the_applications_own_that_exits_ends_the_job_with_its_name(
    tmp_path: Path,
) -> None:
    file = tmp_path / "leaving.py"
    file.write_text(LEAVING)
    with hosts_in(tmp_path) as hosts:
        for worker in hosts.start_cluster(2, str(file), "--exit-on-completion"):
            assert worker.wait() == 65, worker.said
            assert f"sink 'outside' failed at {file}:12: SystemExit: 0" in worker.said


COUNTED = """
import sys
import wallarood as w


@w.computation(on_error="skip")
def counted(number: int) -> int:
    if number == 50:
        sys.exit(3)
    return number


numbers = w.source("n", w.GeneratorSource(count=100))
app = w.application("counted", numbers.to(counted).to_sink(w.FileSink("out", format="lines")))
"""


def test_a_computation_that_exits_fails_one_record(tmp_path: Path) -> None:
    file = tmp_path / "counted.py"
    file.write_text(COUNTED)
    with hosts_in(tmp_path) as hosts:
        ended_well(hosts.start_cluster(1, str(file), "--exit-on-completion"))
    assert sorted(map(int, lines(tmp_path / "out"))) == [n for n in range(100) if n != 50]


SET_UP = """
import os
from pathlib import Path
import trio
import wallarood as w

here = Path(__file__).parent


@w.setup
async def client():
    log = here / f"client-{os.getpid()}"
    log.write_text("opened ")
    try:
        yield str(os.getpid())
    finally:
        await trio.sleep(0.01)
        log.write_text(log.read_text() + "closed")


@w.setup(blocking=True)
def model():
    if (here / "broken").exists():
        raise OSError("no model")
    return 2


def asked(number: int) -> str:
    return f"{client()} {model() * number}"


numbers = w.source("n", w.GeneratorSource(count=100, partitions=4))
app = w.application(
    "set-up", numbers.map(asked).to_sink(w.FileSink("out", format="lines")), setup=[client, model]
)
"""


def test_setups_are_opened_in_each_worker_and_closed_at_its_end(tmp_path: Path) -> None:
    file = tmp_path / "set_up.py"
    file.write_text(SET_UP)
    with hosts_in(tmp_path) as hosts:
        ended_well(hosts.start_cluster(2, str(file), "--exit-on-completion"))
    found = [line.split() for line in lines(tmp_path / "out")]
    assert sorted(int(number) for _, number in found) == list(range(0, 200, 2))
    logs = {each.name.partition("-")[2]: each.read_text() for each in tmp_path.glob("client-*")}
    assert set(logs.values()) == {"opened closed"}
    assert logs.keys() == {pid for pid, _ in found}


def test_a_setup_that_fails_ends_the_job_with_its_name(tmp_path: Path) -> None:
    file = tmp_path / "set_up.py"
    file.write_text(SET_UP)
    (tmp_path / "broken").touch()
    with hosts_in(tmp_path) as hosts:
        for worker in hosts.start_cluster(2, str(file), "--exit-on-completion"):
            assert worker.wait() == 65, worker.said
            assert f"setup 'model' failed at {file}:" in worker.said
            assert "OSError: no model" in worker.said


DEALT = """
import os
import wallarood as w


async def where(number: int) -> tuple[int, int]:
    return number, os.getpid()


numbers = w.source("n", w.GeneratorSource(count=3000))
app = w.application("dealt", numbers.redistribute().to(where).to_sink(w.FileSink("out")))
"""


def test_redistributed_records_are_worked_on_by_all_workers(tmp_path: Path) -> None:
    file = tmp_path / "dealt.py"
    file.write_text(DEALT)
    with hosts_in(tmp_path) as hosts:
        workers = hosts.start_cluster(3, str(file), "--exit-on-completion")
        ended_well(workers)
    rows = [tuple(map(int, line.split("\t"))) for line in lines(tmp_path / "out")]
    assert sorted(number for number, _ in rows) == list(range(3000))
    assert Counter(pid for _, pid in rows) == {each.process.pid: 1000 for each in workers}


POOLED = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
import wallarood as w


@w.setup
def pool():
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as processes:
        yield processes


def square(number: int) -> int:
    from neighbour import times

    return times(number, number)


@w.computation_batch(blocking=True)
def squares(numbers: list[int]) -> list[int]:
    return list(pool().map(square, numbers, chunksize=100))


numbers = w.source("n", w.GeneratorSource(count=1000))
app = w.application(
    "pooled", numbers.to(squares).to_sink(w.FileSink("out", format="lines")), setup=[pool]
)
"""


def test_processes_of_the_application_find_it_and_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    file = tmp_path / "code" / "pooled.py"
    file.write_text(POOLED)
    (tmp_path / "code" / "neighbour.py").write_text("def times(a, b):\n    return a * b\n")
    with hosts_in(tmp_path) as hosts:
        ended_well(hosts.start_cluster(1, str(file), "--exit-on-completion"))
    assert sorted(map(int, lines(tmp_path / "out"))) == [n * n for n in range(1000)]
