"""S3: objects of lines are counted into objects, in the store that keeps them as files."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from support.servers import s3proxy as stores
from support.servers.buckets import KEY, SECRET, Buckets
from support.servers.process import Server
from support.systems.system import PARTS, Counts, Entry, Trial

SUFFIX = ".jsonl"
"""The store lists what it is writing, too, under a name with another end."""


@attrs.define(eq=False)
class S3:
    """See `System`. The words of all parts are one object each time: objects are what appears."""

    server: Server
    directory: Path
    name: str
    parts: int = PARTS
    fed_by_server: bool = True
    bucket: Buckets = attrs.field(init=False)
    _fed: int = 0
    _read: dict[str, Counts] = attrs.field(factory=dict, init=False)
    """What the objects have, which stay as they are."""

    @bucket.default
    def _of_server(self) -> Buckets:
        return Buckets.of(self.server, self.name)

    @property
    def _options(self) -> str:
        files = {"access_key_id": "access-key", "secret_access_key": "secret-key"}
        secrets = {name: str(self.directory / file) for name, file in files.items()}
        return f'endpoint="{self.bucket.endpoint}", secrets={secrets!r}'

    @property
    def source(self) -> str:
        """See `System`."""
        where = f'"s3://{self.name}/in/", suffix="{SUFFIX}"'
        return f'w.S3Source({where}, format="json", readers=2, look_s=1, {self._options})'

    def sink(self, options: str = "") -> str:
        """See `System`."""
        return f'w.S3Sink("s3://{self.name}/out/", {self._options}, {options})'

    def begin(self) -> None:
        """See `System`."""
        (self.directory / "access-key").write_text(KEY)
        (self.directory / "secret-key").write_text(SECRET)

    def feed(self, words: Mapping[int, Sequence[str]]) -> None:
        """See `System`. Names come in no order."""
        lines = "".join(f"{json.dumps(word)}\n" for part in words for word in words[part])
        self._fed += 1
        self.bucket.put(f"in/{self._fed * 7919 % 100_003}{SUFFIX}", lines)

    def counts(self) -> Counts:
        """See `System`: by the names of the objects, which are numbered for each writer."""
        keys = self.bucket.keys("out/", SUFFIX)
        for key in keys:
            if key not in self._read:
                lines = self.bucket.get(key).decode().splitlines()
                self._read[key] = [(word, count) for word, count in map(json.loads, lines)]
        return [each for key in keys for each in self._read[key]]


S3_PROXY = Entry(
    stores.missing,
    stores.server,
    S3,
    fixture="store",
    grows=False,
    by_hand=frozenset({Trial.AWAY, Trial.STOPPED}),
)
