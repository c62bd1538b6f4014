"""Simulates lives for many seeds: ``python -m world SEEDS [FIRST] [--of KIND]``.

Ends at the first life that fails, with exit code 1, and says by which call it is lived again.
"""

import argparse
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from .kinds import KINDS

CHUNK = 100


def run_chunk(kind: str, seeds: range) -> str:
    """Live *seeds*; what is wrong, or nothing."""
    for seed in seeds:
        try:
            KINDS[kind](seed)
        except Exception as error:
            what = "".join(traceback.format_exception(error))
            return f"{what}\nto see it again: python -m world 1 {seed} --of {kind}"
    return ""


def chunks(seeds: range) -> list[range]:
    """*seeds* in pieces for the processes."""
    return [seeds[at : at + CHUNK] for at in range(0, len(seeds), CHUNK)]


def live(kind: str, seeds: range) -> bool:
    """Live *seeds* on all cores; whether none has failed."""
    began, done = time.monotonic(), 0
    with ProcessPoolExecutor() as pool:
        pieces = chunks(seeds)
        for piece, problem in zip(pieces, pool.map(partial(run_chunk, kind), pieces), strict=True):
            if problem:
                print(f"\n{problem}", file=sys.stderr)
                pool.shutdown(cancel_futures=True)
                return False
            done += len(piece)
            rate = done / (time.monotonic() - began)
            print(f"\r{kind}: {done:,} seeds, {rate:.0f} a second ", end="", flush=True)
    print("without a violation")
    return True


def main() -> int:
    """Exit code 1: a life has failed."""
    parser = argparse.ArgumentParser("python -m world", description=__doc__)
    parser.add_argument("seeds", type=int, metavar="SEEDS", help="how many")
    parser.add_argument("first", type=int, metavar="FIRST", nargs="?", default=0)
    lines = [f"{kind}: {(life.__doc__ or '').splitlines()[0]}" for kind, life in KINDS.items()]
    parser.add_argument(
        "--of",
        choices=(*KINDS, "all"),
        default="cluster",
        help=" ".join([*lines, "all: one kind after the other."]),
    )
    given = parser.parse_args()
    kinds = list(KINDS) if given.of == "all" else [given.of]
    seeds = range(given.first, given.first + given.seeds)
    return 0 if all(live(kind, seeds) for kind in kinds) else 1


if __name__ == "__main__":
    sys.exit(main())
