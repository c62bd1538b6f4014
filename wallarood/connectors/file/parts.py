"""The names of a file sink's parts, and what is known of those that have appeared.

Theory of operation
===================
A part is called ``STEP@WORKER-INSTANCE-CLUSTER.NUMBER.EXT``. No name has an ``@``, and what follows
the worker's has a fixed form, so two sinks never share a name, and whose part a file is can be read
from its name. Until it is published it is hidden: ``.NAME.LIFE.part``, where LIFE stands for one
life of the worker. So what a process that hung and was replaced does to its open part when it wakes
up does not touch its replacement's.

A part that must be published and is not there was lost, unless it has been published before, and
a reader of the directory has removed it since. To tell one from the other, the number of a
part is made durable in the state directory before the part is renamed.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import attrs

from wallarood.app.connector import SinkContext
from wallarood.disk.durable import sync_directory, write_all

_CLUSTER = r"([0-9a-f]{8}|local)"
_NUMBER_WIDTH = 20


@attrs.frozen
class PartNames:
    """How the parts of one sink instance are called."""

    stem: str
    suffix: str
    life: str

    @classmethod
    def of(cls, context: SinkContext, suffix: str) -> "PartNames":
        """The names for the instance that runs in *context*."""
        stem = f"{context.step}@{context.worker}-{context.instance}-{cluster_of(context)}"
        return cls(stem.replace("/", "_"), suffix, context.life or "0")

    def hidden(self, number: int) -> str:
        """The name of part *number* while this life writes it."""
        return f".{self.stem}.{number:06d}.{self.suffix}.{self.life}.part"

    def number_of(self, name: str) -> int | None:
        """The number of a part of this instance, of any life; None: it is something else."""
        stem, suffix = re.escape(self.stem), re.escape(self.suffix)
        match = re.fullmatch(rf"\.?{stem}\.(\d+)\.{suffix}(\.[^.]+\.part)?", name)
        return int(match[1]) if match else None


def final_name(hidden: str) -> str:
    """The name under which a hidden part appears."""
    return hidden.removeprefix(".").removesuffix(".part").rpartition(".")[0]


def cluster_of(context: SinkContext) -> str:
    """What stands for the cluster in names."""
    return context.cluster_id[-8:] or "local"


def parts_of_others(directory: Path, context: SinkContext) -> Iterator[Path]:
    """The parts of this step that other clusters have left in *directory*, in order."""
    step = re.escape(context.step.replace("/", "_"))
    part = re.compile(rf"\.?{step}@[^@]+-\d+-{_CLUSTER}\.\d+\.\w+(\.[^.]+\.part)?")
    for path in sorted(directory.iterdir()):
        match = part.fullmatch(path.name)
        if match is not None and match[1] != cluster_of(context):
            yield path


class Appeared:
    """The highest number of a part that was about to be published, in a file of *directory*.

    Raises OSError where it writes.
    """

    def __init__(self, directory: Path, following: int) -> None:
        """*following* is the number of the next part: what was noted of it and above is void."""
        self._path = directory / "appeared"
        self._noted = self._read()
        if self._noted >= following:
            self._write(following - 1)

    def __contains__(self, number: int) -> bool:
        return number <= self._noted

    def note(self, number: int) -> None:
        """Make durable that part *number* is about to be published."""
        if number > self._noted:
            self._write(number)

    def _read(self) -> int:
        with contextlib.suppress(FileNotFoundError, ValueError):
            return int(self._path.read_bytes())
        return -1

    def _write(self, number: int) -> None:
        is_new = not self._path.exists()
        if is_new:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            write_all(file, f"{number:{_NUMBER_WIDTH}d}".encode())
            os.fdatasync(file)
        finally:
            os.close(file)
        if is_new:
            sync_directory(self._path.parent)
            sync_directory(self._path.parent.parent)
        self._noted = number
