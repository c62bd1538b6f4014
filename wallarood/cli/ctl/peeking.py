"""`wallarooctl tap` and `state`: records as they pass, and the state of keys, on all workers."""

import argparse
from pathlib import Path
from typing import Any

from wallarood.admin import client
from wallarood.admin.text.table import table
from wallarood.cli.ctl.watching import seconds, watch_flag
from wallarood.model.errors import UsageError

TAP_S = 2.0
ANSWER_S = 10.0
COUNT = 10


def tap_flags(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tap``."""
    watch_flag(parser)
    parser.add_argument("stage", metavar="STAGE", help="a stage as in topology, or a step of one")
    parser.add_argument("--key", metavar="KEY", help="only records of this key")
    parser.add_argument(
        "--count", type=int, default=COUNT, metavar="N", help=f"how many (default {COUNT})"
    )
    parser.add_argument(
        "--seconds",
        type=seconds,
        default=TAP_S,
        metavar="SECONDS",
        help=f"how long to wait for them (default {TAP_S:g})",
    )


def state_flags(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``state``."""
    watch_flag(parser)
    parser.add_argument(
        "view",
        choices=("get", "keys", "slots"),
        help="get: the state of KEY; keys: those with the largest states; slots: keys by slots",
    )
    parser.add_argument("computation", metavar="COMPUTATION", help="the step whose state it is")
    parser.add_argument("key", nargs="?", metavar="KEY", help="of get: the key")
    parser.add_argument(
        "--largest",
        action="store_true",
        help="of keys: makes no difference, since those with the largest states are shown anyway",
    )
    parser.add_argument(
        "--count", type=int, default=COUNT, metavar="N", help=f"how many keys (default {COUNT})"
    )


def check_state(chosen: argparse.Namespace) -> None:
    """Raises UsageError: there is no key, or there is to be none."""
    if chosen.view == "get" and chosen.key is None:
        raise UsageError("state get COMPUTATION KEY: the key is missing")
    if chosen.view != "get" and chosen.key is not None:
        raise UsageError(f"state {chosen.view} COMPUTATION: a key is for 'state get'")


def tap(path: Path, chosen: argparse.Namespace) -> tuple[Any, str]:
    """Some of the records that come to a stage."""
    parameters = {"stage": chosen.stage, "count": str(chosen.count), "seconds": f"{chosen.seconds}"}
    if chosen.key is not None:
        parameters["key"] = chosen.key
    timeout_s = chosen.seconds + ANSWER_S
    answer = client.of_all(path, "tap", timeout_s=timeout_s, **parameters)
    records = _of_workers(answer)[: chosen.count]
    lines = [
        f"{each['worker']}  {'' if each['key'] is None else each['key'] + '  '}{each['record']}"
        for each in records
    ]
    text = "\n".join([*lines, *_silent(answer)])
    return records, text or f"no record has come to {chosen.stage} in {chosen.seconds:g} s"


def state(path: Path, chosen: argparse.Namespace) -> tuple[Any, str]:
    """The state of a key, the largest ones, or keys by slots."""
    if chosen.view == "get":
        return _get(path, chosen)
    if chosen.view == "slots":
        return _slots(path, chosen)
    answer = client.of_all(
        path,
        "keys",
        timeout_s=ANSWER_S,
        computation=chosen.computation,
        count=str(chosen.count),
    )
    keys = sorted(_of_workers(answer), key=lambda each: -each["bytes"])[: chosen.count]
    rows = [(each["key"], each["bytes"], each["worker"]) for each in keys]
    parts = [table(("key", "bytes", "worker"), rows)] if rows else ["no key has a state"]
    return keys, "\n".join([*parts, *_silent(answer)])


def _get(path: Path, chosen: argparse.Namespace) -> tuple[Any, str]:
    answer = client.of_all(
        path, "state", timeout_s=ANSWER_S, computation=chosen.computation, key=chosen.key
    )
    found = _of_workers(answer)
    lines = [
        f"{each['worker']}  {each.get('bucket', '')}{'  ' if 'bucket' in each else ''}"
        f"{each['value']}"
        for each in found
    ]
    text = "\n".join([*lines, *_silent(answer)])
    return found, text or f"{chosen.computation} has no state of key {chosen.key}"


def _slots(path: Path, chosen: argparse.Namespace) -> tuple[Any, str]:
    answer = client.of_all(path, "slots", timeout_s=ANSWER_S, computation=chosen.computation)
    groups = _of_workers(answer)
    mean = max(1, sum(each["keys"] for each in groups)) / max(1, len(groups))
    rows = [
        (each["worker"], f"{each['first']}-{each['last']}", each["keys"], each["keys"] / mean)
        for each in sorted(groups, key=lambda each: -each["keys"])
    ]
    heads = ("worker", "slots", "keys", "of the mean")
    none = f"{chosen.computation} is on one worker, or has no state: it has no slots"
    return groups, "\n".join([table(heads, rows) if rows else none, *_silent(answer)])


def _of_workers(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """What the workers have found, each with its name."""
    return [
        {"worker": name, **each}
        for name, found in answer["workers"].items()
        if isinstance(found, list)
        for each in found
    ]


def _silent(answer: dict[str, Any]) -> list[str]:
    """Who has not answered, or cannot."""
    lines = [
        f"{name}: {found['error']}"
        for name, found in answer["workers"].items()
        if isinstance(found, dict) and "error" in found
    ]
    silent = answer["silent"]
    return [*lines, f"no answer from {', '.join(silent)}"] if silent else lines
