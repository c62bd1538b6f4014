"""Kafka to keyed sum to Kafka, on one broker: ours beside a loop by hand, Bytewax, Quix Streams.

The processor's time counts, of a long topic less that of a short one, so that what it takes to
start does not. Both in turns; every output is looked at by a reader of committed messages.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

from support.harness import free_port
from support.servers import kafka as kafkas
from support.servers.process import serving
from support.servers.topics import Topics

from bench.report import Results, progress, table
from bench.venvs import python_of

SHORT, LONG = 20_000, 300_000
KEYS = 10_000
DEMANDED = {"loop": "0.70", "bytewax": "2.00", "quix": "2.00"}
CONTESTANTS = Path(__file__).with_name("contestants")


PEERS = ("bytewax", "quix")
Work = Callable[[str, str, str, int], None]


def _loop(brokers: str, topic: str, out: str, count: int) -> None:
    command = [sys.executable, str(CONTESTANTS / "kafka_loop.py"), brokers, topic, out]
    subprocess.run(command, check=True, capture_output=True)


def _peer(name: str) -> Work:
    python = python_of(f"kafka_{name}")

    def work(brokers: str, topic: str, out: str, count: int) -> None:
        command = [str(python), str(CONTESTANTS / f"kafka_{name}.py"), brokers, topic, out]
        subprocess.run([*command, str(count)], check=True, capture_output=True)

    return work


def _ours(brokers: str, topic: str, out: str, count: int) -> None:
    with tempfile.TemporaryDirectory() as state:
        command = [
            *(sys.executable, "-m", "wallarood", "run", f"{CONTESTANTS}/kafka_ours.py:app"),
            *("--worker-name", "a", "--worker-count", "1", "--topology-initializer"),
            *("--control-channel", f"127.0.0.1:{free_port()}", "--state-directory", state),
            *("--exit-on-completion", "--", brokers, topic, out),
        ]
        subprocess.run(command, check=True, capture_output=True)


def _seconds(work: Callable[[], None]) -> float:
    """The processor's time of the processes that *work* starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _fill(topics: Topics, topic: str, count: int, rng: random.Random) -> None:
    topics.create(topic)
    pairs = ((f"k{rng.randrange(KEYS)}", number % 100) for number in range(count))
    messages = ((pair[0].encode(), json.dumps(pair).encode(), 0) for pair in pairs)
    topics.produce(topic, messages)


def run(arguments: argparse.Namespace, results: Results) -> None:
    """Measure and print microseconds a record."""
    contestants: dict[str, Work] = {"ours": _ours, "loop": _loop}
    contestants |= {name: _peer(name) for name in arguments.peers}
    found: dict[str, list[float]] = {name: [] for name in contestants}
    with serving(kafkas.broker) as broker:
        topics, rng, number = Topics(broker.address), random.Random(arguments.seed), 0
        for count in (SHORT, LONG):
            _fill(topics, f"in-{count}", count, rng)
        for turn in range(arguments.runs):
            progress(f"run {turn + 1} of {arguments.runs}")
            for name, work in contestants.items():
                spent = {}
                for count in (SHORT, LONG):
                    number += 1
                    out = f"out-{number}"
                    topics.create(out)
                    spent[count] = _seconds(
                        lambda w=work, c=count, o=out: w(broker.address, f"in-{c}", o, c)  # type: ignore[misc]
                    )
                    if not turn:
                        assert len(topics.read(out)) == count, f"{name}: another count of results"
                found[name].append((spent[LONG] - spent[SHORT]) / (LONG - SHORT) * 1e6)
    results.values["us a record"] = found
    results.keep()
    ours = median(found["ours"])
    head = ["Kafka to Kafka, sum by key", "µs a record", "over ours", "demanded"]
    rows = [
        [name, f"{median(each):.2f}", f"{median(each) / ours:.2f}", DEMANDED.get(name, "")]
        for name, each in found.items()
    ]
    print(table(head, rows, style=arguments.style))
