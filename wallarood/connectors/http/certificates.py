"""The certificate of an HTTP source: read from its files, and again when they have changed."""

import os
import ssl

import attrs
import structlog

from wallarood.model.errors import ConfigurationError

log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class Certificate:
    """A certificate and its private key, as PEM files; *owner* is for messages."""

    file: str
    key_file: str
    owner: str
    _context: ssl.SSLContext | None = attrs.field(default=None, init=False)
    _read_at: tuple[int, int] = attrs.field(default=(0, 0), init=False)

    def context(self) -> ssl.SSLContext:
        """What connections are served with. Raises ConfigurationError: it cannot be read at first.

        A renewed certificate is taken for the next connection; one that cannot be used is not.
        """
        try:
            changed_at = (os.stat(self.file).st_mtime_ns, os.stat(self.key_file).st_mtime_ns)
            if self._context is None or changed_at != self._read_at:
                self._read_at = changed_at
                self._context = self._read()
        except (OSError, ConfigurationError) as error:
            if self._context is None:
                if isinstance(error, ConfigurationError):
                    raise
                raise ConfigurationError(
                    f"{self.owner}: {error.filename}: {error.strerror}"
                ) from error
            log.warning("the certificate cannot be read again", reason=str(error))
        return self._context

    def _read(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(self.file, self.key_file)
        except ssl.SSLError as error:
            reason = error.reason or error
            if error.reason == "KEY_VALUES_MISMATCH":
                reason = f"{self.key_file} is not its private key"
            raise ConfigurationError(
                f"{self.owner}: {self.file}: not a certificate with its private key: {reason}"
            ) from error
        return context
