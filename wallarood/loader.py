"""From "module:name" or a path to an application, with an error that an author can read."""

import importlib
import importlib.util
import os
import pkgutil
import site
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import all_suffixes
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import wallarood
from wallarood.app.streams.nodes import End
from wallarood.app.streams.stream import Stream
from wallarood.model.errors import ApplicationError, WallaroodError
from wallarood.model.pipeline import Application

DEFAULT_NAME = "app"

_NOT_OURS = (
    *("wallarood.examples", "wallarood.testing", "wallarood.__main__", "wallarood.loader"),
    "wallarood.telemetry.otlp",
)
"""What is run, belongs to tests of applications, or needs an extra that may not be there."""

T = TypeVar("T")


def add_paths(paths: Sequence[str]) -> None:
    """Let modules be found in *paths*, after what is found already.

    A virtual environment stands for its packages. Raises ApplicationError: there is no such
    directory, or the environment is of another Python version.
    """
    for each in map(Path, paths):
        if not each.is_dir():
            raise ApplicationError(f"application.path: {each}: it is not a directory")
        if not (each / "pyvenv.cfg").exists():
            sys.path.append(str(each))
            continue
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        packages = each / "lib" / version / "site-packages"
        if not packages.is_dir():
            found = ", ".join(sorted(e.name for e in each.glob("lib/python*"))) or "none"
            raise ApplicationError(
                f"application.path: {each}: expected a virtual environment of {version}, "
                f"which runs here; found {found}"
            )
        site.addsitedir(str(packages))


def load_application(target: str, args: Sequence[str] = ()) -> Application:
    """Load the application that *target* names; a function gets the list *args*.

    A file is loaded under its own stem, with an underscore for each dot, never as ``__main__``, so
    that its classes have the same names on every worker.

    Raises ApplicationError: there is none, or loading it failed. Raises PipelineError: it is wrong.
    """
    where, name = _parts(target)
    module = _from_file(Path(where)) if _is_path(where) else _from_module(where)
    try:
        found: Any = getattr(module, name)
    except AttributeError:
        names = ", ".join(each for each in vars(module) if not each.startswith("_"))
        raise ApplicationError(
            f"application {target!r}: {where} ({getattr(module, '__file__', 'built in')}) has no "
            f"{name!r}; it has {names or 'nothing'}"
        ) from None
    if isinstance(found, Application):
        if args:
            raise ApplicationError(f"application {target!r} takes no arguments, found {args!r}")
        return found
    if not callable(found):
        raise ApplicationError(f"application {target!r}: {name} is {_shown(found)}")
    made = _guarded(lambda: found(list(args)), f"application {target!r}: {name}(args) failed")
    if not isinstance(made, Application):
        raise ApplicationError(
            f"application {target!r}: what {name}(args) returned is {_shown(made)}"
        )
    return made


def _shown(found: object) -> str:
    """What *found* is, and what was expected."""
    expected = 'write app = w.application("NAME", …) around it'
    if isinstance(found, End):
        return f"the end of a stream, as .to_sink(…) returns it, not an application: {expected}"
    if isinstance(found, Stream):
        return f"a stream, not an application: end it with .to_sink(…), and {expected}"
    return (
        f"of type {type(found).__name__}, expected what w.application(…) returns, or a function "
        "that takes a list of arguments and returns that"
    )


def _parts(target: str) -> tuple[str, str]:
    where, colon, name = target.rpartition(":")
    return (where, name) if colon and where else (target, DEFAULT_NAME)


def _is_path(where: str) -> bool:
    return where.endswith(".py") or "/" in where


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ApplicationError(f"application file {path}: it does not exist")
    _import_what_is_hidden(path.resolve().parent)
    name = path.stem.replace(".", "_")  # a dot would make it a part of a package
    known = sys.modules.get(name)
    if known is not None:
        if getattr(known, "__file__", None) == str(path.resolve()):
            return known
        name = f"application_{name}"
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise ApplicationError(f"application file {path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader = spec.loader
    try:
        with _findable(path.resolve().parent):
            _guarded(lambda: loader.exec_module(module), f"application file {path}")
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _from_module(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")) or (
        Path(name).is_file() and not _is_there(name)
    ):
        raise ApplicationError(
            f"application {name!r}: expected module:name, or the path of a file that ends in .py"
        )
    _import_what_is_hidden(Path.cwd())
    with _findable(Path.cwd()):
        return _guarded(lambda: importlib.import_module(name), f"application module {name!r}")


def _is_there(module: str) -> bool:
    return (Path.cwd() / module.partition(".")[0]).with_suffix(".py").exists()


def _import_what_is_hidden(directory: Path) -> None:
    """Import all of ours while its own imports are found, if *directory* would hide one of them.

    Modules of ours are imported when they are used; a neighbour of the application that is called
    ``csv.py`` would then take the place of the one that they mean.
    """
    taken = set(sys.stdlib_module_names)
    for each in map(Path, sys.path):
        if each.is_dir() and each.resolve() != directory:
            taken |= {entry.partition(".")[0] for entry in _entries_of(each)}
    if taken.isdisjoint(_modules_in(directory)):
        return
    for module in pkgutil.walk_packages(wallarood.__path__, "wallarood.", onerror=_not_there):
        if not module.name.startswith(_NOT_OURS):
            importlib.import_module(module.name)


def _modules_in(directory: Path) -> set[str]:
    """The names of the modules and packages in *directory*; one without __init__ hides nothing."""
    parts = [(entry, entry.partition(".")) for entry in _entries_of(directory)]
    return {
        name
        for entry, (name, dot, ending) in parts
        if dot + ending in all_suffixes() or os.path.isfile(directory / entry / "__init__.py")
    }


def _entries_of(directory: Path) -> list[str]:
    """What is in *directory*; nothing if it may not be read, as the state of a service may be."""
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _not_there(_name: str) -> None:
    """A package that cannot be imported is told of when somebody needs it."""


@contextmanager
def _findable(directory: Path) -> Iterator[None]:
    """Let modules be found in *directory*, first of all, as beside a script that Python runs.

    It stays so: the application may import a neighbour when a function is called, and processes
    that it starts have to find the application itself. Only a failure to load it undoes this.
    """
    before = list(sys.path)
    sys.path[:] = [str(directory), *(each for each in before if each != str(directory))]
    try:
        yield
    except BaseException:
        sys.path[:] = before
        raise


def _guarded(call: Callable[[], T], what: str) -> T:
    try:
        return call()
    except WallaroodError:
        raise
    except SystemExit as error:
        if error.code in (0, None):
            raise
        if isinstance(error.code, int):
            text = f"it ended with status {error.code}; does it take these arguments?"
            raise ApplicationError(f"{what}: {text}") from error
        raise ApplicationError(f"{what}{_place(error)}: it ended with: {error.code}") from error
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        raise ApplicationError(f"{what}{_place(error)}: {text}") from error


def _place(error: BaseException) -> str:
    """Where the application raised *error*."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [each for each in frames if "importlib" not in each.filename]
    place = next((each for each in reversed(own) if each.filename != __file__), None)
    return f" at {place.filename}:{place.lineno}" if place is not None else ""
