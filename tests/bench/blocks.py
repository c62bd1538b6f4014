"""The records of W7, a block that is gone through again and again, and what is done to each."""

import random

from bench.functions import Total
from bench.job import Job

BLOCK = 1 << 16
Record = tuple[str, bytes]


def block_of(job: Job, part: int) -> list[Record]:
    """What a part repeats: each key at least once, in no order; 16 bytes are the key's part."""
    numbers = list(range(job.keys)) * -(-BLOCK // job.keys)
    random.Random(f"{job.seed} W7 {part}").shuffle(numbers)
    payload = bytes(max(0, job.record_bytes - 16))
    return [(f"key-{number:012}", payload) for number in numbers]


def key(record: Record) -> str:
    """The key of a record."""
    return record[0]


def touch(record: Record, total: Total) -> Record:
    """A state is touched, and the record goes on."""
    total.value += 1
    return record
