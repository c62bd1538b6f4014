"""Objects that are put once: only if there is none of the name, or it is the same."""

from typing import Any

import attrs
from xxhash import xxh3_64_hexdigest

from wallarood.connectors.extra import imported
from wallarood.connectors.s3.bucket import EXTRA, OWNER, Bucket
from wallarood.model.errors import DamagedStateError


def _obstore() -> Any:
    return imported("obstore", extra=EXTRA, owner=OWNER)


@attrs.define(eq=False)
class Putting:
    """Puts objects below the prefix of a bucket. All of it blocks."""

    bucket: Bucket
    _store: Any = attrs.field(default=None, init=False)

    @property
    def store(self) -> Any:
        """The client. Raises as `Bucket.store`."""
        if self._store is None:
            self._store = self.bucket.store()
        return self._store

    def put(self, name: str, data: bytes) -> None:
        """Put an object, if it is not there. Raises DamagedStateError: there is another one.

        Raises ConfigurationError or ServerAwayError: it cannot be put now.
        """
        exceptions = imported("obstore.exceptions", extra=EXTRA, owner=OWNER)
        key = self.bucket.key(name)
        try:
            self.bucket.call(
                lambda: _obstore().put(self.store, key, data, mode="create", use_multipart=False)
            )
        except FileNotFoundError as error:
            raise self.bucket.what(error) from None
        except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
            self._check_same(key, data)

    def _check_same(self, key: str, data: bytes) -> None:
        try:
            found = self.bucket.call(lambda: bytes(_obstore().get(self.store, key).bytes()))
        except FileNotFoundError:
            return  # it was there, and a reader has removed it since
        if xxh3_64_hexdigest(found) != xxh3_64_hexdigest(data):
            raise DamagedStateError(
                f"{self.bucket.url(key)} is there and has something else than what this worker is "
                "to put: the cluster was restored to a point before what it has published, or this "
                "worker runs twice. Restore a newer state directory on at least one worker, or "
                "form a new cluster"
            )

    def is_there(self, name: str) -> bool:
        """Whether there is an object of this name. Raises as `put`."""
        try:
            self.bucket.call(lambda: _obstore().head(self.store, self.bucket.key(name)))
        except FileNotFoundError:
            return False
        return True


def check_bucket(bucket: Bucket) -> None:
    """Raises ConfigurationError or ServerAwayError: the bucket cannot be used. Blocks."""
    store = bucket.store()
    try:
        bucket.call(lambda: next(iter(_obstore().list(store, bucket.prefix or None)), None))
    except FileNotFoundError as error:
        raise bucket.what(error) from None
