"""How the sender of a request shows that it knows a secret: by a signature, or by the secret."""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Literal, TypeAlias, get_args

import attrs

from wallarood.connectors.secret import secret_of
from wallarood.model.errors import ConfigurationError

Scheme: TypeAlias = Literal["github", "stripe", "bearer"]
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
GITHUB = "x-hub-signature-256"
STRIPE = "stripe-signature"

Headers: TypeAlias = Mapping[str, str]


def secrets_in(file: str, owner: str) -> list[bytes]:
    """The secrets in *file*, one a line: each of them is good, so that one can replace another.

    Raises ConfigurationError: it cannot be read, or has none.
    """
    found = [line.strip().encode() for line in secret_of(file, owner).splitlines() if line.strip()]
    if not found:
        raise ConfigurationError(f"{owner}: {file} is empty: expected a secret on each line")
    return found


@attrs.frozen
class Verifier:
    """Looks at what a request shows. *tolerance_s* is how old a signature with a time may be."""

    scheme: Scheme
    secrets: Sequence[bytes] = attrs.field(repr=False)
    tolerance_s: float = 300.0

    def fault(self, headers: Headers, body: bytes, now: float) -> str:
        """What is wrong with a request; empty if nothing is. Names in *headers* are lower-case."""
        match self.scheme:
            case "github":
                return self._github(headers.get(GITHUB, ""), body)
            case "stripe":
                return self._stripe(headers.get(STRIPE, ""), body, now)
            case _:
                return self._bearer(headers.get("authorization", ""))

    def _github(self, shown: str, body: bytes) -> str:
        kind, _, value = shown.partition("=")
        if kind != "sha256" or not value:
            return "no signature: expected X-Hub-Signature-256: sha256=…"
        return "" if self._is_signed(body, [value]) else "wrong signature in X-Hub-Signature-256"

    def _stripe(self, shown: str, body: bytes, now: float) -> str:
        pairs = [pair.strip().partition("=")[::2] for pair in shown.split(",")]
        times = [value for name, value in pairs if name == "t"]
        values = [value for name, value in pairs if name == "v1"]
        if len(times) != 1 or not values:
            return "no signature: expected Stripe-Signature: t=…,v1=…"
        (at,) = times
        if not (at.isascii() and at.isdigit() and len(at) <= 12):
            return "Stripe-Signature: t= is not a time in seconds"
        if not self._is_signed(at.encode() + b"." + body, values):
            return "wrong signature in Stripe-Signature"
        if abs(now - int(at)) > self.tolerance_s:
            return (
                f"Stripe-Signature: its time is more than {self.tolerance_s:.0f} s from now: sign "
                "the request again, and compare the clocks"
            )
        return ""

    def _bearer(self, shown: str) -> str:
        kind, _, value = shown.partition(" ")
        if kind.lower() != "bearer" or not value:
            return "no token: expected Authorization: Bearer …"
        return "" if _is_any(value.strip().encode("latin-1"), self.secrets) else "wrong token"

    def _is_signed(self, signed: bytes, values: Iterable[str]) -> bool:
        wanted = [hmac.new(each, signed, sha256).hexdigest().encode() for each in self.secrets]
        return any(_is_any(each.encode("latin-1"), wanted) for each in values)


def _is_any(value: bytes, wanted: Iterable[bytes]) -> bool:
    return any(hmac.compare_digest(value, each) for each in wanted)
