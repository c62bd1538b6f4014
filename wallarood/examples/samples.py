"""Input for the examples when none is given: made on the spot, the same on every worker.

Several workers may make a file at the same time: each writes the same bytes and renames them into
place, so a reader finds a whole file.
"""

import json
import os
import tempfile
from pathlib import Path

PAYMENTS = 20_000
ACCOUNTS = 97


def topics_file(directory: Path) -> Path:
    """The English text of Python's own help topics, half a megabyte."""
    from pydoc_data.topics import topics  # noqa: PLC0415 - large, and needed here only

    return _made(directory, ".topics.txt", "\n".join(topics[name] for name in sorted(topics)))


def payments_file(directory: Path) -> Path:
    """Payments into accounts, a JSON object a line: ``{"account": "a-12", "cents": 1999}``."""
    lines = (
        json.dumps({"account": f"a-{number * 31 % ACCOUNTS}", "cents": number * 7919 % 10_000 + 1})
        for number in range(PAYMENTS)
    )
    return _made(directory, ".payments.jsonl", "".join(line + "\n" for line in lines))


def _made(directory: Path, name: str, text: str) -> Path:
    path = directory.absolute() / name
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=directory, prefix=name)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).rename(path)
    return path
