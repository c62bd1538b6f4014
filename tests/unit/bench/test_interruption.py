"""A benchmark that is told to end: what it has measured is there, what it started is not."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from bench import report

TESTS = Path(__file__).parents[2]
WITH_WORKERS = """
import signal, sys
from pathlib import Path
from bench.__main__ import end
from bench.idle import Cluster
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, end)
with Cluster(Path(sys.argv[1]), 2, sys.executable) as cluster:
    print(*(each.pid for each in cluster.processes), flush=True)
    signal.pause()
"""


def test_results_are_kept_as_they_come_beside_those_of_other_calls(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    for command in ("one", "two"):
        results = report.Results(file, command)
        results.values["rates"] = rates = [1.0]
        results.keep()
        rates.append(2.0)
        results.keep()
    assert json.loads(file.read_text()) == {
        "one": {"rates": [1.0, 2.0]},
        "two": {"rates": [1.0, 2.0]},
    }
    report.Results(None, "three").keep()


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_its_workers_end_with_it(number: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITH_WORKERS, str(tmp_path)]
    with subprocess.Popen(command, cwd=TESTS, stdout=subprocess.PIPE, text=True) as bench:
        assert bench.stdout is not None
        workers = [int(each) for each in bench.stdout.readline().split()]
        bench.send_signal(number)
        assert bench.wait(30) == 128 + number
    assert len(workers) == 2
    for worker in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)
