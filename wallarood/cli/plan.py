"""`wallarood plan`: what an application becomes on a list of workers."""

import argparse

from wallarood.model.errors import UsageError
from wallarood.model.ids import check_worker_name

FORMATS = ("text", "json", "dot")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "plan",
        help="show stages, what was joined and why not more, and placement",
        description="Show what an application becomes on these workers: its stages, which "
        "computations were joined, what stopped each chain, and where each stage runs.",
    )
    parser.add_argument("application", metavar="APP", help="module:name or path/to/file.py[:name]")
    parser.add_argument("args", nargs="*", metavar="ARGS", help="after --: for the application")
    parser.add_argument(
        "--workers", default="1", metavar="N|A,B,C", help="how many, or their names (default 1)"
    )
    parser.add_argument("--format", choices=FORMATS, default="text", help="default: text")


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from wallarood.loader import load_application
    from wallarood.planning import explain
    from wallarood.planning.keeping import keeping
    from wallarood.planning.listings import list_partitions
    from wallarood.planning.plan import plan
    from wallarood.planning.times import describe_time

    workers = workers_of(arguments.workers)
    application = load_application(arguments.application, arguments.args)
    mine = list_partitions(application)
    topology = plan(application, workers, tuple((worker, mine) for worker in workers))
    shown = {"text": explain.as_text, "json": explain.as_json, "dot": explain.as_dot}
    print(shown[arguments.format](topology, keeping(application), describe_time(application)))
    return 0


def workers_of(text: str) -> tuple[str, ...]:
    """``3`` → three names; ``a,b,c`` → these. Raises UsageError: neither."""
    from wallarood.devcluster.local import worker_names

    if text.isascii() and text.isdigit():
        if not 1 <= int(text) <= 1024:
            raise UsageError(f"--workers {text}: expected 1 to 1024, or names")
        return worker_names(int(text))
    workers = tuple(check_worker_name(name.strip()) for name in text.split(","))
    if len(set(workers)) < len(workers):
        raise UsageError(f"--workers {text}: a name is given twice")
    return workers
