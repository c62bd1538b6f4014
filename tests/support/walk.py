"""A cluster that changes all the time under load: ``python -m support.walk CHANGES [SEED]``.

One worker becomes two, three, four, five and one again, over and over. In half of the changes a
participant, any of them, is killed at a random moment and started again. At the end each record
was counted once.
"""

import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from itertools import cycle
from pathlib import Path

from support.growing import Growing
from support.harness import NAMES, hosts_in
from support.rests import check_counted, counted, counting

WALK = (*(f"+{name}" for name in NAMES[1:]), *(f"-{name}" for name in reversed(NAMES[1:])))


def main() -> None:
    """Change the cluster as often as is asked for, then check the output."""
    changes, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    rng, began, killed = random.Random(seed), time.monotonic(), Counter[str]()
    with tempfile.TemporaryDirectory() as folder, hosts_in(Path(folder)) as hosts:
        file = hosts.directory / "slow_count.py"
        file.write_text(counting("slow_count", "rate=2000"))
        cluster = Growing(hosts, str(file))
        cluster.start(NAMES[0])
        cluster.until("it runs", 1, "running")
        steps = cycle(WALK)
        for epoch in range(2, changes + 2):
            change = next(steps)
            if change.startswith("+"):  # what it had when it left is archived there
                shutil.rmtree(hosts.directory / "state" / change[1:], ignore_errors=True)
            asking = cluster.begin(change)
            if rng.random() < 0.5:
                victim = rng.choice(list(cluster.workers))
                cluster.kill_at_a_moment(rng, victim)
                killed[victim] += 1
            cluster.settle(epoch, asking)
            print(f"{epoch - 1} of {changes}: {change}, {killed.total()} kills", flush=True)
        cluster.end()
        check_counted(hosts.directory)
        records = sum(map(len, counted(hosts.directory).values()))
    print(
        f"{records:,} records, each counted once; {changes} changes, {killed.total()} kills "
        f"({dict(killed)}), {time.monotonic() - began:.0f} s"
    )


if __name__ == "__main__":
    main()
