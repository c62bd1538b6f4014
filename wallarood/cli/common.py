"""What several commands share: the flags that override configuration keys."""

import argparse
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from wallarood.config.key import Kind
from wallarood.config.keys import BY_NAME, Config
from wallarood.config.load import CONFIGURATION_DIRECTORY, configuration_files, load_config
from wallarood.model.errors import UsageError

FLAGS: dict[str, str] = {
    "--worker-count": "worker.count",
    "--worker-name": "worker.name",
    "--control-channel": "worker.control-channel",
    "--topology-initializer": "worker.topology-initializer",
    "--cluster-id": "worker.cluster-id",
    "--join": "worker.join",
    "--state-directory": "worker.state-directory",
    "--exit-on-completion": "application.exit-on-completion",
    "--listen-control": "listen.control",
    "--listen-data": "listen.data",
    "--advertise": "listen.advertise",
    "--key-file": "security.key-file",
    "--formation-deadline": "timing.formation-deadline",
    "--log-level": "log.level",
    "--log-format": "log.format",
    "--admin-socket": "admin.socket",
    "--admin-http": "admin.http",
}
"""Each flag and the key that it overrides."""

_METAVARS = {"--worker-count": "N", "--advertise": "HOST"}
_OF_KIND = {Kind.ADDRESS: "HOST:PORT", Kind.DURATION: "DURATION"}

_Load = Callable[[list[Path], dict[str, tuple[str, Any]], Path | None], Config]


def add_config_flags(
    parser: argparse.ArgumentParser, *, shown: Collection[str] = FLAGS.keys()
) -> None:
    """Add ``--config`` and every flag of `FLAGS`; the help is about those of *shown* only."""
    parser.add_argument(
        "--config",
        action="append",
        type=Path,
        metavar="PATH",
        help=f"TOML file or directory, may be repeated (default: {CONFIGURATION_DIRECTORY})",
    )
    parser.add_argument(
        "--instance",
        metavar="NAME",
        help="one of several workers on this host: read the common files of the configuration "
        "directory (wallarood.toml and those that begin with a digit) and NAME.toml, and be "
        "called NAME",
    )
    for flag, name in FLAGS.items():
        key = BY_NAME[name]
        text = key.help.replace("%", "%%") if flag in shown else argparse.SUPPRESS
        if key.kind is Kind.SWITCH:
            parser.add_argument(flag, action="store_const", const=True, help=text)
        else:
            metavar = "|".join(key.choices) if key.choices else _METAVARS.get(flag)
            metavar = metavar or _OF_KIND.get(key.kind) or flag.rpartition("-")[2].upper()
            parser.add_argument(flag, metavar=metavar, help=text)


def config_from(
    arguments: argparse.Namespace, keys: Path | None = None, *, load: _Load = load_config
) -> Config:
    """The effective configuration; *keys* is where secrets are that nothing else names.

    *load* is `read_config` where no worker is started.

    Raises ConfigurationError or UsageError.
    """
    flags: dict[str, tuple[str, Any]] = {}
    if arguments.instance is not None:
        flags["worker.name"] = ("--instance", arguments.instance)
    for flag, name in FLAGS.items():
        raw = getattr(arguments, flag.removeprefix("--").replace("-", "_"))
        if raw is not None:
            flags[name] = (flag, _typed(flag, name, raw))
    if arguments.application is not None:
        flags["application.target"] = ("APP", arguments.application)
    if arguments.args:
        flags["application.args"] = ("ARGS", list(arguments.args))
    return load(_paths(arguments), flags, keys)


def _paths(arguments: argparse.Namespace) -> list[Path]:
    default = [CONFIGURATION_DIRECTORY] if CONFIGURATION_DIRECTORY.is_dir() else []
    paths: list[Path] = arguments.config or default
    if arguments.instance is None:
        return paths
    directories = [each for each in paths if each.is_dir()]
    if len(directories) != 1:
        raise UsageError("--instance needs one configuration directory (--config DIRECTORY)")
    return [
        file
        for path in paths
        for file in (
            configuration_files(path, arguments.instance) if path in directories else [path]
        )
    ]


def _typed(flag: str, name: str, raw: Any) -> Any:
    if BY_NAME[name].kind is not Kind.NUMBER:
        return raw
    try:
        return int(raw)
    except ValueError:
        raise UsageError(f"{flag}: found {raw!r:.40}, expected an integer") from None


def target_of(config: Config) -> str:
    """The application to run. Raises UsageError: neither APP nor the configuration names one."""
    target = config["application.target"]
    if target is None:
        raise UsageError("no application: give APP, or set application.target")
    return str(target)
