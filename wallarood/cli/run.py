"""`wallarood run`: one worker in the foreground; what a unit runs."""

import argparse
import gc
import signal
from functools import partial
from pathlib import Path

from wallarood.cli.common import add_config_flags, config_from, target_of
from wallarood.daemon.hash_seed import with_hash_seed


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "run",
        help="run one worker in the foreground",
        description="Run one worker in the foreground. Without any flag or configuration it is a "
        "cluster of one, on loopback, with its state under .wallarood/.",
    )
    parser.add_argument("application", nargs="?", metavar="APP", help="module:name or file.py:name")
    parser.add_argument("args", nargs="*", metavar="ARGS", help="after --: for the application")
    parser.add_argument(
        "--profile",
        type=Path,
        metavar="FILE",
        help="write where the time goes, by stage and hop, every few seconds and at the end: a "
        "table, or JSON if FILE ends in .json",
    )
    add_config_flags(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the worker; 0 when it was stopped or its job is done."""
    # Until the worker can reload, an early SIGHUP must not end it: an end by it counts as orderly.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # What is loaded from here on stays: looking through it again and again is a tenth of the start.
    gc.disable()
    import trio

    from wallarood.daemon.ending import Ending
    from wallarood.daemon.main import run_worker
    from wallarood.loader import add_paths, load_application
    from wallarood.logs import configure_logs

    config = config_from(arguments)
    configure_logs(config["log.level"], config["log.format"], worker=config["worker.name"])
    add_paths(config["application.path"])
    application = load_application(target_of(config), config["application.args"])
    application = with_hash_seed(application)
    ending = Ending()
    read = partial(config_from, arguments)
    work = partial(run_worker, config, application, read, ending=ending)
    try:
        if arguments.profile is None:
            trio.run(work)
        else:
            from wallarood.daemon.profile_report import profiled

            trio.run(profiled, work, arguments.profile, config["worker.name"])
    except BaseException as error:
        ending.code = getattr(error, "exit_code", 1)
        raise
    finally:  # from here on, what the application has started may keep the process
        if not ending.begun:
            ending.within(config["timing.stop"])
    return 0
