"""User code that holds the event loop is named in log and status, and costs no result."""

from pathlib import Path

from cluster_harness import hosts_in, wait_for

HOLDING = """
import time
import wallarood as w

def hold(number: int) -> int:
    if number == 20:
        until = time.monotonic() + 2.5
        while time.monotonic() < until:
            pass
    return number

app = w.application(
    "holding",
    w.source("n", w.GeneratorSource(rate=100)).map(hold).to_sink(w.FileSink("holding-out")),
)
"""


def test_a_computation_that_holds_the_loop_for_longer_than_the_liveness_deadline(
    tmp_path: Path,
) -> None:
    file = tmp_path / "holding.py"
    file.write_text(HOLDING)
    with hosts_in(tmp_path) as hosts:
        workers = hosts.start_cluster(2, str(file))
        alpha = workers[0]
        wait_for("it is named", lambda: "user code held the event loop" in alpha.said)
        assert "n → hold" in alpha.said
        status = alpha.status()
        assert status is not None
        assert [each.overruns for each in status.stages if each.kind == "source"] == [1]
        wait_for("it runs on", lambda: all(each.phase() == "running" for each in workers))
