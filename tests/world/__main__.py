"""Run many seeds: ``python -m world [--of KIND] SEEDS [FIRST]``; ends at the first that fails."""

import argparse
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

from .founding import Founding
from .times import Life
from .world import simulate

CHUNK = 100
KINDS: dict[str, Callable[[int], Any]] = {
    "cluster": simulate,
    "founding": lambda seed: simulate(seed, founding=Founding()),
    "put-back": lambda seed: simulate(seed, put_back=True),
    "time": lambda seed: Life(seed).run(),
}


def run_chunk(kind: str, first: int) -> str:
    """Run a chunk of seeds; what is wrong, or nothing."""
    for seed in range(first, first + CHUNK):
        try:
            KINDS[kind](seed)
        except Exception as error:
            return "".join(traceback.format_exception(error))
    return ""


def main() -> int:
    """Exit code 1: a seed has failed."""
    parser = argparse.ArgumentParser(prog="world", description=__doc__)
    parser.add_argument("--of", choices=KINDS, default="cluster", help="lives (default: cluster)")
    parser.add_argument("seeds", type=int)
    parser.add_argument("first", type=int, nargs="?", default=0)
    chosen = parser.parse_args()
    firsts = range(chosen.first, chosen.first + chosen.seeds, CHUNK)
    began = time.monotonic()
    with ProcessPoolExecutor() as pool:
        for done, problem in enumerate(pool.map(partial(run_chunk, chosen.of), firsts), 1):
            if problem:
                print(f"\n{problem}", file=sys.stderr)
                pool.shutdown(cancel_futures=True)
                return 1
            rate = done * CHUNK / (time.monotonic() - began)
            print(f"\r{done * CHUNK:,} seeds, {rate:.0f} a second ", end="", flush=True)
    print("without a violation")
    return 0


if __name__ == "__main__":
    sys.exit(main())
