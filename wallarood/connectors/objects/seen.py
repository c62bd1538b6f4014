"""Which objects were read: by checksums of names and tags, in a form that a position can hold."""
# Theory of operation
# ===================
# Names may come in any order: an object that appears with a name before those that were read is
# new all the same. So all that were read are known, by 12 bytes each, 8 of the name and 4 of the
# tag. One that is not listed any more is forgotten, but only when two listings in a row lack it:
# a listing that lags behind must not have it read twice.

import base64
import struct
from collections.abc import Iterable

import attrs
from xxhash import xxh3_64_intdigest, xxh32_intdigest

from wallarood.connectors.objects.shelf import Entry

_ONE = struct.Struct(">QI")


def _packed(name: int, tag: int) -> str:
    return base64.b64encode(_ONE.pack(name, tag)).decode()


@attrs.define(eq=False)
class Seen:
    """What was read. `text` is that, as part of a position."""

    text: str = ""
    _tags: dict[int, int] = attrs.field(factory=dict, init=False)
    _lacking: frozenset[int] = attrs.field(default=frozenset(), init=False)
    """What the last listing lacked."""

    def __attrs_post_init__(self) -> None:
        self._tags = dict(_ONE.iter_unpack(base64.b64decode(self.text)))

    def __contains__(self, key: str) -> bool:
        return xxh3_64_intdigest(key.encode()) in self._tags

    def is_other(self, entry: Entry) -> bool:
        """Whether an object of this name was read that had another tag."""
        tag = self._tags.get(xxh3_64_intdigest(entry.key.encode()))
        return tag is not None and tag != xxh32_intdigest(entry.tag.encode())

    def add(self, entry: Entry) -> None:
        """It was read to its end."""
        name, tag = xxh3_64_intdigest(entry.key.encode()), xxh32_intdigest(entry.tag.encode())
        if name not in self._tags:
            self._tags[name] = tag
            self.text += _packed(name, tag)

    def listed(self, keys: Iterable[str]) -> None:
        """Forget what this listing and the one before lack."""
        there = {xxh3_64_intdigest(key.encode()) for key in keys}
        lacking = self._tags.keys() - there
        gone, self._lacking = lacking & self._lacking, frozenset(lacking)
        if gone:
            for name in gone:
                del self._tags[name]
            self.text = "".join(_packed(name, tag) for name, tag in self._tags.items())
