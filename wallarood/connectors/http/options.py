"""What an HTTP source may be told of the requests that it takes."""

from typing import Literal, TypedDict

import attrs

from wallarood.app.functions.declared import OnError
from wallarood.app.functions.declaring import policy_of
from wallarood.connectors.http.certificates import Certificate
from wallarood.connectors.http.messages import BODIES, Body
from wallarood.connectors.http.signatures import SCHEMES, Scheme, Verifier, secrets_in
from wallarood.model.errors import ApplicationError
from wallarood.model.pipeline import ErrorPolicy

BODY_BYTES_MAX = 1 << 20
JOURNAL_BYTES_MAX = 256 << 20
ID_HEADER = "Idempotency-Key"
OWNER = "HttpSource"


class RequestOptions(TypedDict, total=False):
    """What an `HttpSource` may be told besides what its records are."""

    path: str
    body: Body
    signature: Scheme | None
    secret_file: str | None
    tolerance_s: float
    id_header: str | None
    certificate_file: str | None
    key_file: str | None
    scope: Literal["shared", "local"]
    on_error: OnError
    body_bytes_max: int
    journal_bytes_max: int


@attrs.frozen(kw_only=True)
class Requests:
    """The same, looked at. Raises ApplicationError: something is wrong."""

    path: str = "/"
    body: Body = "record"
    signature: Scheme | None = None
    secret_file: str | None = None
    tolerance_s: float = 300.0
    id_header: str | None = ID_HEADER
    certificate_file: str | None = None
    key_file: str | None = None
    scope: Literal["shared", "local"] = "shared"
    on_error: OnError = "stop"
    body_bytes_max: int = BODY_BYTES_MAX
    journal_bytes_max: int = JOURNAL_BYTES_MAX

    def __attrs_post_init__(self) -> None:
        policy_of(self.on_error)
        for name, chosen in (
            ("body", BODIES), ("signature", (None, *SCHEMES)), ("scope", ("shared", "local")),
        ):  # fmt: skip
            if getattr(self, name) not in chosen:
                expected = ", ".join(repr(each) for each in chosen)
                raise ApplicationError(
                    f"{OWNER}: {name}={getattr(self, name)!r}: expected one of {expected}"
                )
        for name in ("body_bytes_max", "journal_bytes_max", "tolerance_s"):
            if getattr(self, name) < 1:
                raise ApplicationError(f"{OWNER}: {name}={getattr(self, name)}: expected 1 or more")
        for one, other in (("signature", "secret_file"), ("certificate_file", "key_file")):
            if (getattr(self, one) is None) != (getattr(self, other) is None):
                raise ApplicationError(f"{OWNER}: {one}= and {other}= need each other")
        if not self.path.startswith("/") or "?" in self.path or "*" in self.path[:-1]:
            raise ApplicationError(
                f"{OWNER}: path={self.path!r}: expected one that begins with /, and may end with *"
            )

    @property
    def stops(self) -> bool:
        """Whether what cannot be decoded is refused."""
        return policy_of(self.on_error) is ErrorPolicy.STOP

    def certificate(self) -> Certificate | None:
        """What it speaks HTTPS with. Raises ConfigurationError: it cannot be read."""
        if self.certificate_file is None or self.key_file is None:
            return None
        certificate = Certificate(self.certificate_file, self.key_file, OWNER)
        certificate.context()
        return certificate

    def verifier(self) -> Verifier | None:
        """What looks at signatures. Raises ConfigurationError: the secrets cannot be read."""
        if self.signature is None or self.secret_file is None:
            return None
        return Verifier(self.signature, secrets_in(self.secret_file, OWNER), self.tolerance_s)
