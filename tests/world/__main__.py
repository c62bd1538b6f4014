"""Run many seeds: ``python -m world SEEDS [FIRST]``; ends at the first that fails."""

import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor

from .world import simulate

CHUNK = 100


def run_chunk(first: int) -> str:
    """Run a chunk of seeds; what is wrong, or nothing."""
    for seed in range(first, first + CHUNK):
        try:
            simulate(seed)
        except Exception as error:
            return "".join(traceback.format_exception(error))
    return ""


def main() -> int:
    """Exit code 1: a seed has failed."""
    seeds = int(sys.argv[1])
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    began = time.monotonic()
    with ProcessPoolExecutor() as pool:
        for done, problem in enumerate(pool.map(run_chunk, range(first, first + seeds, CHUNK)), 1):
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
