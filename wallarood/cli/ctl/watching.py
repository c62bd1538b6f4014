"""The views of `wallarooctl` that say how the cluster does: why, top, lag, errors."""

import argparse
import contextlib
import math
import sys
import time
from pathlib import Path
from typing import Any

from wallarood.admin import client
from wallarood.admin.text.errors import errors_of, errors_text
from wallarood.admin.text.lag import lag_text, lags
from wallarood.admin.text.top import stage_rows, top_text
from wallarood.admin.why.explain import explain, why_text, why_value
from wallarood.model.topology import Topology
from wallarood.runtime.timing.clock import wall_clock
from wallarood.wire.strict import unstructure

BETWEEN_S = 2.0
"""The time between the two looks that tell how a lag changes."""
TOP_S = 1.0


def seconds(text: str) -> float:
    """A time of the command line. Raises ArgumentTypeError: it is none."""
    with contextlib.suppress(ValueError):
        if 0 <= (found := float(text)) < math.inf:
            return found
    raise argparse.ArgumentTypeError(f"'{text}': expected a number of seconds, 0 or more")


def watch_flag(parser: argparse.ArgumentParser) -> None:
    """Add the flag that shows a view again and again."""
    parser.add_argument(
        "--watch",
        type=seconds,
        nargs="?",
        const=2.0,
        metavar="SECONDS",
        help="show it again every so many seconds (default 2), until interrupted",
    )


def top_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``top``, which goes on by itself on a terminal."""
    watch_flag(parser)
    parser.add_argument("--once", action="store_true", help="show it once, also on a terminal")


def why(path: Path, _: argparse.Namespace) -> tuple[Any, str]:
    """Why the cluster is slow, in a sentence, and what that rests on."""
    findings = explain(client.cluster(path), _topology(path), now=time.time())
    return why_value(findings), why_text(findings)


def _topology(path: Path) -> Topology | None:
    try:
        return client.topology(path)
    except client.NotNowError:  # it is forming
        return None


def top(path: Path, chosen: argparse.Namespace) -> tuple[Any, str]:
    """Every stage and every worker at a glance."""
    if chosen.watch is None and not chosen.once and not chosen.json and sys.stdout.isatty():
        chosen.watch = TOP_S
    cluster = client.cluster(path)
    value = {
        "stages": unstructure(stage_rows(cluster)),
        "workers": [
            {"worker": each.worker, "job": each.job.value, "rate": each.rate}
            | {"host": unstructure(each.host)}
            for each in cluster.workers
        ],
        "silent": list(cluster.silent),
    }
    return value, top_text(cluster)


def lag(path: Path, _: argparse.Namespace) -> tuple[Any, str]:
    """How far the sources are behind, and when they will have caught up."""
    before, began = client.cluster(path), time.monotonic()
    time.sleep(BETWEEN_S)
    after = client.cluster(path)
    found = lags(before, after, passed_s=time.monotonic() - began, now=wall_clock())
    return unstructure(found), lag_text(found, after.silent)


def errors(path: Path, _: argparse.Namespace) -> tuple[Any, str]:
    """The last records that failed or came too late."""
    cluster = client.cluster(path)
    return unstructure(errors_of(cluster)), errors_text(cluster)
