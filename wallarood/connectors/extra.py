"""Client libraries that only some applications need: imported when a connector is opened."""

import importlib
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
        raise ApplicationError(
            f"{owner} needs the Python package {module.partition('.')[0]}, which is not installed: "
            f"pip install 'wallarood[{extra}]'"
        ) from None
