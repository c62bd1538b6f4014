"""Passwords and the like that stand in files."""

from wallarood.model.errors import ConfigurationError


def secret_of(file: str, owner: str) -> str:
    """What stands in *file*, without the end of its last line; *owner* is for messages.

    Raises ConfigurationError: it cannot be read.
    """
    try:
        with open(file, encoding="utf-8") as opened:
            return opened.read().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(f"{owner}: {file}: {reason}") from error
