"""Who may ask over the network: who shows the token; and no page of another site in a browser."""
# Theory of operation
# ===================
# On loopback without a token whoever is on this host may look, and nobody may give orders. A
# browser on this host may show a page of somebody else: it could be led here by a name that means
# 127.0.0.1, so the host that is asked for must be one of ours; and it could send a form, so an
# order from another origin is refused. A token is in a header, which no other page can set.
#
# Who shows a wrong token too often waits: each address has some tries in a minute.

import hmac
from collections.abc import Callable

import attrs
import structlog

from wallarood.admin.web.message import Reply, Request, error_reply
from wallarood.model.ids import is_loopback

WRONG_MAX = 10
WRONG_S = 60.0
CLIENTS_MAX = 1024
"""Of how many addresses wrong tokens are counted: the one that was wrong first is forgotten."""
OPEN = frozenset({"/", "/dashboard.js", "/dashboard.css", "/healthz", "/readyz"})
"""What is answered without the token: there is nothing of the cluster in it."""

log = structlog.get_logger(__name__)


@attrs.define
class _Wrong:
    since: float
    count: int = 0


@attrs.define(eq=False)
class Guard:
    """Of the listener on *host*. *token* is what clients must show; None if there is none."""

    host: str
    token: bytes | None
    clock: Callable[[], float]
    _wrong: dict[str, _Wrong] = attrs.field(factory=dict, init=False)

    def refusal(self, request: Request) -> Reply | None:
        """Why *request* is not answered; None if it is."""
        if is_loopback(self.host) and not self._is_ours(request.headers.get("host", "")):
            return error_reply(421, "this host is not known here by that name")
        if request.method not in ("GET", "HEAD") and self._is_of_other_site(request):
            return error_reply(403, "a page of another site may not give orders")
        if self.token is None:
            if request.method in ("GET", "HEAD"):
                return None
            return error_reply(
                403, "orders over the network need a token: set admin.token-file, or use the socket"
            )
        return None if request.path in OPEN else self._token_refusal(request, self.token)

    def _is_ours(self, given: str) -> bool:
        name = given.rpartition(":")[0] if not given.endswith("]") and ":" in given else given
        name = name.strip("[]").lower()
        return name == "localhost" or name == self.host.strip("[]") or is_loopback(name)

    def _is_of_other_site(self, request: Request) -> bool:
        site = request.headers.get("sec-fetch-site", "none")
        origin = request.headers.get("origin")
        ours = origin is None or origin.partition("://")[2] == request.headers.get("host")
        return site not in ("none", "same-origin") or not ours

    def _token_refusal(self, request: Request, token: bytes) -> Reply | None:
        wrong = self._wrong.get(request.client)
        now = self.clock()
        if wrong is not None and now - wrong.since >= WRONG_S:
            del self._wrong[request.client]
            wrong = None
        if wrong is not None and wrong.count >= WRONG_MAX:
            return error_reply(429, "too many wrong tokens", ("Retry-After", str(round(WRONG_S))))
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        shown = given.strip().encode("latin-1", "replace")
        if scheme.lower() == "bearer" and hmac.compare_digest(shown, token):
            return None
        if given:
            self._count(request.client, now)
        return error_reply(
            401,
            "expected the header Authorization: Bearer TOKEN, with that of admin.token-file",
            ("WWW-Authenticate", 'Bearer realm="wallarood"'),
        )

    def _count(self, client: str, now: float) -> None:
        if client not in self._wrong and len(self._wrong) >= CLIENTS_MAX:
            del self._wrong[next(iter(self._wrong))]
        wrong = self._wrong.setdefault(client, _Wrong(now))
        wrong.count += 1
        if wrong.count == WRONG_MAX:
            log.warning("wrong tokens: this client waits", client=client)
