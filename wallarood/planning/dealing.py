"""Which worker reads a partition that has appeared since the cluster was formed."""
# Theory of operation
# ===================
# Every worker watches what partitions there are, and each may see a new one at another moment. So
# who reads it follows from its name and the workers of the source's stage alone: nobody needs to be
# asked, no two read it, and it stays with its reader in every restart of this epoch. Names that
# differ only by a number at their end, as the partitions of a topic do, go to one worker after
# another, so that each has as many as any other, give or take one.

import re
from collections.abc import Sequence

from xxhash import xxh3_64_intdigest

from wallarood.model.ids import WorkerName

_NUMBER = re.compile(r"[0-9]{1,9}\Z")


def reader_of(source: str, partition: str, workers: Sequence[WorkerName]) -> WorkerName:
    """The one of *workers* that reads *partition*."""
    found = _NUMBER.search(partition)
    number = int(found.group()) if found else 0
    stem = partition[: found.start()] if found else partition
    name = f"{source}\0{stem}".encode("utf-8", "surrogateescape")
    return workers[(xxh3_64_intdigest(name) + number) % len(workers)]
