"""Kafka to keyed sum to Kafka, on one broker: ours beside a loop by hand and other processors.

The processor's time counts, and the time that passes, of a long topic less those of a short one, so
that what it takes to start does not. All in turns; every output is looked at by a reader of
committed messages. Ours takes a checkpoint a second, as the loop commits a transaction a second.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

from support.servers import kafka as kafkas
from support.servers.process import serving
from support.servers.topics import Topics

from bench.alone import CONTESTANTS, run_alone
from bench.jars import STREAMS, java_of
from bench.report import Results, progress, table
from bench.venvs import python_of

SHORT, LONG = 20_000, 600_000
KEYS = 10_000
DEMANDED = {"loop": "0.70", "bytewax": "2.00", "quix": "2.00"}
PEERS = ("bytewax", "quix", "streams")
Work = Callable[[str, str, str, int], None]


def _loop(brokers: str, topic: str, out: str, count: int) -> None:
    command = [sys.executable, str(CONTESTANTS / "kafka_loop.py"), brokers, topic, out]
    subprocess.run(command, check=True, capture_output=True)


def _peer(name: str) -> Work:
    if name == "streams":
        start = java_of(STREAMS, "KafkaSums")
    else:
        start = [str(python_of(f"kafka_{name}")), str(CONTESTANTS / f"kafka_{name}.py")]

    def work(brokers: str, topic: str, out: str, count: int) -> None:
        command = [*start, brokers, topic, out, str(count)]
        subprocess.run(command, check=True, capture_output=True)

    return work


def _ours(brokers: str, topic: str, out: str, count: int) -> None:
    run_alone("kafka_ours.py:app", brokers, topic, out)


def _spent(work: Callable[[], None]) -> tuple[float, float]:
    """The processor's time of the processes that *work* starts, and the time that passes."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    work()
    after, passed = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - began
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, passed


def _fill(topics: Topics, topic: str, count: int, rng: random.Random) -> None:
    topics.create(topic)
    pairs = ((f"k{rng.randrange(KEYS)}", number % 100) for number in range(count))
    messages = ((pair[0].encode(), json.dumps(pair).encode(), 0) for pair in pairs)
    topics.produce(topic, messages)


def run(arguments: argparse.Namespace, results: Results) -> None:
    """Measure and print microseconds a record."""
    contestants: dict[str, Work] = {"ours": _ours, "loop": _loop}
    contestants |= {name: _peer(name) for name in arguments.peers}
    cpu: dict[str, list[float]] = {name: [] for name in contestants}
    wall: dict[str, list[float]] = {name: [] for name in contestants}
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
                    spent[count] = _spent(
                        lambda w=work, c=count, o=out: w(broker.address, f"in-{c}", o, c)  # type: ignore[misc]
                    )
                    if not turn:
                        assert len(topics.read(out)) == count, f"{name}: another count of results"
                for found, place in ((cpu, 0), (wall, 1)):
                    each = (spent[LONG][place] - spent[SHORT][place]) / (LONG - SHORT)
                    found[name].append(each * 1e6)
    results.values["us a record"], results.values["us a record, passed"] = cpu, wall
    results.keep()
    head = ["Kafka to Kafka, sum by key", "µs a record", "over ours", "passed", "over ours"]
    rows = [
        [name, *_compared(cpu, name), *_compared(wall, name), DEMANDED.get(name, "")]
        for name in contestants
    ]
    print(table([*head, "demanded"], rows, style=arguments.style))


def _compared(found: dict[str, list[float]], name: str) -> tuple[str, str]:
    """What *name* takes, and how many times ours that is."""
    each, ours = median(found[name]), median(found["ours"])
    return f"{each:.2f}", f"{each / ours:.2f}"
