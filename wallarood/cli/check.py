"""`wallarood check`: is all of it in order, without binding a port or touching state?"""

import argparse
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wallarood.cli.common import add_config_flags, config_from, target_of
from wallarood.config.keys import KEYS, Config
from wallarood.config.load import CONFIGURATION_DIRECTORY, read_config
from wallarood.disk.durable import nearest_existing
from wallarood.model.errors import (
    ApplicationError,
    ConfigurationError,
    KeyRefusedError,
    UsageError,
    WallaroodError,
)
from wallarood.model.ids import is_loopback, parse_address

if TYPE_CHECKING:
    from wallarood.model.pipeline import Application
    from wallarood.model.topology import Topology

EXPIRES_SOON_DAYS = 30


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "check",
        help="check configuration, application, key and directories",
        description="Check the configuration and all that it names, and report all "
        "problems together. Binds no port, and neither makes nor changes a file.",
    )
    parser.add_argument("application", nargs="?", metavar="APP", help="module:name or file.py:name")
    parser.add_argument("args", nargs="*", metavar="ARGS", help="after --: for the application")
    parser.add_argument(
        "--values", action="store_true", help="print every effective value and where it comes from"
    )
    parser.add_argument(
        "--connect",
        action="store_true",
        help="let sources and sinks connect to their servers, with their credentials",
    )
    parser.add_argument(
        "--upgrade",
        action="store_true",
        help="compare the application with the one that runs here, and read what it has stored",
    )
    parser.add_argument(
        "--drop",
        action="append",
        default=[],
        metavar="NAME",
        help="with --upgrade: what is kept of NAME is not taken over; may be repeated",
    )
    parser.add_argument(
        "--is-configured",
        action="store_true",
        help="only test whether an application is configured: exit status 0, or 1 if none is",
    )
    add_config_flags(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; 0 if all is well, else the exit code of the first problem."""
    if arguments.is_configured:
        return _is_configured(arguments)
    if arguments.drop and not arguments.upgrade:
        raise UsageError("--drop NAME: expected --upgrade with it")
    config = config_from(arguments, CONFIGURATION_DIRECTORY / "keys")
    if arguments.values:
        for key in KEYS:
            value = key.show(config[key.full_name]) or "(none)"
            print(f"{key.full_name} = {value}    # {config.origin(key.full_name)}")
    problems: list[WallaroodError] = []
    application: Callable[[Config], object] = _application
    if arguments.upgrade:
        application = partial(_upgrade, drop=arguments.drop)
    elif arguments.connect:
        application = _application_and_servers
    for check in (application, _key, _certificate, _http, _telemetry, _state_directory):
        _collect(check, config, problems)
    if problems:
        first, *_ = problems
        error = ConfigurationError("\n".join(each.message for each in problems))
        error.exit_code = first.exit_code
        raise error
    print("configuration OK")
    return 0


def _is_configured(arguments: argparse.Namespace) -> int:
    """A configuration with mistakes counts as one: the caller must learn of them."""
    # systemd names the credentials to an ExecCondition too, but lets only ExecStart look at them.
    os.environ.pop("CREDENTIALS_DIRECTORY", None)
    try:
        if config_from(arguments, load=read_config)["application.target"] is not None:
            return 0
    except ConfigurationError:
        return 0
    print("no application is configured: set application.target, see wallarood.toml(5)")
    return 1


def _collect(
    check: Callable[[Config], object], config: Config, problems: list[WallaroodError]
) -> None:
    try:
        check(config)
    except WallaroodError as error:
        problems.append(error)


def _application(config: Config) -> "Application":
    from wallarood.checks import check_connectors
    from wallarood.loader import add_paths, load_application
    from wallarood.planning.keeping import advice
    from wallarood.planning.listings import list_partitions
    from wallarood.planning.times import advice_of_time

    add_paths(config["application.path"])
    application = load_application(target_of(config), config["application.args"])
    listings = list_partitions(application)
    for line in (*advice(application), *advice_of_time(application, listings)):
        print(line)
    _pickled(application, _planned(application, config), config)
    check_connectors(application)
    return application


def _planned(application: "Application", config: Config) -> "Topology":
    from wallarood.devcluster.local import worker_names
    from wallarood.planning.listings import list_partitions
    from wallarood.planning.plan import plan

    workers, listings = worker_names(config["worker.count"]), list_partitions(application)
    return plan(application, workers, tuple((worker, listings) for worker in workers))


def _upgrade(config: Config, *, drop: list[str]) -> None:
    from wallarood.planning.listings import list_partitions
    from wallarood.upgrading import check_upgrade

    application = _application(config)
    path = Path(config["worker.state-directory"])
    for line in check_upgrade(path, application, list_partitions(application), drop=drop):
        print(line)


def _application_and_servers(config: Config) -> None:
    from wallarood.checks import check_servers

    check_servers(_application(config))


def _pickled(application: "Application", topology: "Topology", config: Config) -> None:
    """Name the steps whose type hints are not exact: their records are pickled.

    Raises ApplicationError: they would leave this host without TLS, so the job would be refused.
    """
    from wallarood.runtime.dataflow.build.crossing import codecs_of
    from wallarood.wire.records.codec import RecordCodec
    from wallarood.wire.records.untyped import PickleRule

    has_tls = config["security.certificate"] is not None
    where = config["listen.data"] or config["listen.control"] or config["worker.control-channel"]
    refused = []
    codecs = codecs_of(application, topology, rule=PickleRule.ALLOWED).values()
    for codec in {codec.maker: codec for codec in codecs if codec.why_untyped}.values():
        if not has_tls and not is_loopback(parse_address(where).host):
            try:
                RecordCodec.for_types(codec.record, rule=PickleRule.FORBIDDEN, maker=codec.maker)
            except ApplicationError as error:
                refused.append(error.message)
        elif codec.record is not Any:
            needs = "" if has_tls else "; between hosts this needs mutual TLS"
            print(
                f"{codec.maker}: its records are pickled between workers: {codec.why_untyped}"
                + needs
            )
    if refused:
        raise ApplicationError("\n".join(refused))


def _key(config: Config) -> None:
    from wallarood.daemon.start.settings import credentials

    try:
        credentials(config)
    except WallaroodError as error:
        error.message = f"{config.origin('security.key-file')}: [security]: {error.message}"
        raise


def _certificate(config: Config) -> None:
    """Whether it is this worker's, and holds; one that is about to expire is only said."""
    if config["security.certificate"] is None:
        return
    from wallarood.net.authority import check_certificate

    where = f"{config.origin('security.certificate')}: security.certificate"
    try:
        left = check_certificate(Path(config["security.certificate"]), config["worker.name"])
    except KeyRefusedError as error:
        error.message = f"{where}: {error.message}"
        raise
    if left < EXPIRES_SOON_DAYS:
        print(f"{where}: it expires in {left:.0f} days: issue it again")


def _http(config: Config) -> None:
    from wallarood.daemon.start.settings import http_settings

    http_settings(config)


def _telemetry(config: Config) -> None:
    if config["otel.endpoint"] is not None:
        from wallarood.telemetry.settings import telemetry_settings

        telemetry_settings(config, "")


def _state_directory(config: Config) -> None:
    path = Path(config["worker.state-directory"])
    where = f"{config.origin('worker.state-directory')}: worker.state-directory: {path}"
    if path.exists() and not path.is_dir():
        raise ConfigurationError(f"{where}: it is not a directory")
    nearest = nearest_existing(path)
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise ConfigurationError(f"{where}: no permission to write in {nearest}")
