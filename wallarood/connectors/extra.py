"""Client libraries that only some applications need: imported when a connector is opened."""

import importlib
import importlib.util
from typing import Any

from wallarood.model.errors import ApplicationError


def imported(module: str, *, extra: str, owner: str) -> Any:
    """The client library *module* of an extra.

    Raises ApplicationError: it is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != module.partition(".")[0]:
            raise
        raise _missing(module, extra, owner) from None


def needed(module: str, *, extra: str, owner: str) -> None:
    """Raises ApplicationError: the client library *module* is not installed. Imports nothing."""
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        raise _missing(module, extra, owner)


def _missing(module: str, extra: str, owner: str) -> ApplicationError:
    return ApplicationError(
        f"{owner} needs the Python package {module.partition('.')[0]}, which is not installed: "
        f"pip install 'wallarood[{extra}]'"
    )
