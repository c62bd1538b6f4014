"""A bucket of S3: how it is reached, and what its errors say to a person."""
# Theory of operation
# ===================
# obstore is called in threads: its coroutines want asyncio. It tries a request again only for a
# moment; what lasts longer is for the engine, which says in status whom it waits for.

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import attrs

from wallarood.connectors.extra import imported, needed
from wallarood.connectors.secret import secret_of
from wallarood.model.errors import (
    ApplicationError,
    ConfigurationError,
    ServerAwayError,
    WallaroodError,
)

EXTRA = "s3"
OWNER = "S3"
CONNECT_S, ANSWER_S = 5, 20
RETRIES, RETRY_S = 2, 5
SECRETS = ("access_key_id", "secret_access_key", "session_token")

T = TypeVar("T")
_CODE = re.compile(r"<Code>([^<]+)</Code>")
_MESSAGE = re.compile(r"<Message>([^<]+)</Message>")
_STATUS = re.compile(r"\b([45]\d\d) [A-Z][A-Za-z ]+")
_NO_CREDENTIALS = ("169.254.169.254", "InstanceCredentialProvider", "instance credentials")
_FOR_GOOD = {
    "NoSuchBucket": "there is no such bucket: correct the URL, or make it",
    "AccessDenied": "access denied: check the credentials and what they are allowed",
    "InvalidAccessKeyId": "the access key is not known: check the credentials",
    "SignatureDoesNotMatch": "the secret key is wrong: check the credentials",
    "AuthorizationHeaderMalformed": "the region is wrong: say region=",
    "PermanentRedirect": "the bucket is in another region: say region=",
    "ExpiredToken": "the session token has expired: give a new one",
    "InvalidToken": "the session token is wrong: give another one",
    "NotImplemented": "the server has no such function, which this connector needs",
}


@attrs.frozen
class Bucket:
    """The objects below `prefix` of bucket `name`, at `endpoint` or, without one, at AWS."""

    name: str
    prefix: str
    endpoint: str | None
    region: str | None
    secrets: Mapping[str, str] = attrs.field(factory=dict, hash=False)
    settings: Mapping[str, Any] = attrs.field(factory=dict, hash=False, repr=False)
    ca_file: str | None = None

    def __str__(self) -> str:
        return f"S3 bucket {self.name!r}" + (f" at {self._shown}" if self.endpoint else "")

    @property
    def _shown(self) -> str:
        parts = urlsplit(self.endpoint or "")
        return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)

    def url(self, key: str) -> str:
        """What messages call an object."""
        return f"s3://{self.name}/{key}"

    def key(self, name: str) -> str:
        """The key of an object below the prefix."""
        return f"{self.prefix}/{name}" if self.prefix else name

    def store(self) -> Any:
        """A client, which has not connected yet.

        Raises ConfigurationError: a secret cannot be read, or an option is wrong. Raises
        ApplicationError: obstore is not installed.
        """
        stores = imported("obstore.store", extra=EXTRA, owner=OWNER)
        config = dict(self.settings)
        config |= {name: secret_of(path, str(self)) for name, path in self.secrets.items()}
        if self.endpoint is not None:
            config["endpoint"] = self.endpoint
        if self.region is not None:
            config["region"] = self.region
        client: dict[str, Any] = {
            "connect_timeout": f"{CONNECT_S}s",
            "timeout": f"{ANSWER_S}s",
            "allow_http": (self.endpoint or "").startswith("http://"),
        }
        if self.ca_file is not None:
            client["root_certificate"] = secret_of(self.ca_file, str(self))
        try:
            return stores.S3Store(
                self.name,
                config=config,
                client_options=client,
                retry_config={"max_retries": RETRIES, "retry_timeout": _seconds(RETRY_S)},
            )
        except Exception as error:
            raise ConfigurationError(f"{self}: {_first_line(error)}") from None

    def call(self, call: Callable[[], T]) -> T:
        """What *call* returns.

        Raises FileNotFoundError: there is no such object. Raises ConfigurationError: time does not
        mend it. Raises ServerAwayError: else. What says that a condition does not hold is raised as
        it is.
        """
        exceptions = imported("obstore.exceptions", extra=EXTRA, owner=OWNER)
        try:
            return call()
        except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
            raise
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise self.what(error) from None
            raise
        except WallaroodError:
            raise
        except Exception as error:
            raise self.what(error) from None

    def what(self, error: Exception) -> WallaroodError:
        """The error for a person."""
        said = str(error)
        code = _CODE.search(said)
        if code is not None and code[1] in _FOR_GOOD:
            return ConfigurationError(f"{self}: {_FOR_GOOD[code[1]]} ({code[1]})")
        if type(error).__name__ in ("PermissionDeniedError", "UnauthenticatedError"):
            return ConfigurationError(f"{self}: {_FOR_GOOD['AccessDenied']}")
        if any(each in said for each in _NO_CREDENTIALS):
            return ServerAwayError(
                f"{self}: no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or say "
                "secrets=, or settings={'skip_signature': True}"
            )
        if code is not None:
            message = _MESSAGE.search(said)
            return ServerAwayError(f"{self}: {code[1]}: {message[1] if message else ''}")
        if (status := _STATUS.search(said)) is not None:
            return ServerAwayError(f"{self} answers {status[0].strip()}")
        return ServerAwayError(f"{self} cannot be reached: {_cause_of(said)}")


def _seconds(number: int) -> Any:
    from datetime import timedelta  # noqa: PLC0415 - only here

    return timedelta(seconds=number)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _cause_of(said: str) -> str:
    """The innermost cause that a client of HTTP has told."""
    found = re.findall(r'(?:message|error): "([^"]+)"', said)
    if found:
        return str(found[-1])
    return said.strip().partition("\n")[0].rpartition(" - ")[2] or "no reason was given"


def bucket_of(
    owner: str,
    url: str,
    *,
    endpoint: str | None,
    region: str | None,
    secrets: Mapping[str, str] | None,
    settings: Mapping[str, Any] | None,
    ca_file: str | None,
) -> Bucket:
    """The bucket and prefix that *url* names. Raises ApplicationError: an option is wrong."""
    parts = urlsplit(url) if isinstance(url, str) else None
    if parts is None or parts.scheme != "s3" or not parts.netloc or "@" in parts.netloc:
        raise ApplicationError(f'{owner}: {url!r:.100}: expected "s3://BUCKET/PREFIX/"')
    if endpoint is not None and not re.match(r"https?://[^/@]+/?$", endpoint):
        raise ApplicationError(
            f'{owner}: endpoint={endpoint!r:.100}: expected "https://HOST:PORT" or "http://…"'
        )
    unknown = [each for each in secrets or {} if each not in SECRETS]
    if unknown:
        raise ApplicationError(
            f"{owner}: secrets has {unknown[0]!r}: expected {', '.join(SECRETS)}, each with the "
            "file that has it"
        )
    if any(each in SECRETS[1:] for each in settings or {}):
        raise ApplicationError(
            f"{owner}: settings has a secret: say secrets=, with the file that has it"
        )
    return Bucket(
        parts.netloc,
        parts.path.strip("/"),
        endpoint,
        region,
        dict(secrets or {}),
        dict(settings or {}),
        ca_file,
    )


def check_obstore() -> None:
    """Raises ApplicationError: obstore is not installed. Does not import it."""
    needed("obstore", extra=EXTRA, owner=OWNER)
