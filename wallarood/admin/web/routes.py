"""What is answered where: the API under /api/v1, /metrics, health, and the dashboard."""
# Theory of operation
# ===================
# `wallarood.admin.web.api` says of each path what it takes and gives. Pictures of the cluster, what
# pages are told of them and the text of /metrics are made once for all who ask at about the same
# time: so a hundred pages cost as much as one.

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any

import attrs
import trio

from wallarood.admin.orders import Order, OrderRefusedError
from wallarood.admin.status import ClusterStatus, JobState, Status
from wallarood.admin.web.api import API, PREFIX
from wallarood.admin.web.message import (
    TEXT,
    Events,
    Reply,
    Request,
    error_reply,
    value_reply,
)
from wallarood.admin.web.once import Once
from wallarood.admin.web.parameters import values_of
from wallarood.model.topology import Topology
from wallarood.wire.strict import unstructure

EVENT_S = 1.0
EVENT_STREAMS_MAX = 16
FRESH_S = 0.5
METRICS_S = 1.0
"""As often as the figures are looked at."""
ANSWER_S = 1.0
TAP_S = 2.0
KEYS_S = 5.0


Ask = Callable[[Mapping[str, Any], float], Awaitable[tuple[dict[str, Any], tuple[str, ...]]]]
"""Asks all workers, and waits so many seconds; what they answer, by name, and who does not."""


@attrs.frozen
class Answers:
    """What the server can answer: functions that look at the worker at that moment."""

    status: Callable[[], Status]
    topology: Callable[[], Topology | None]
    orders: Mapping[str, Order]
    cluster: Callable[[], Awaitable[ClusterStatus]] | None = None
    ask: Ask | None = None

    async def gathered(self) -> ClusterStatus:
        """What all workers say."""
        asked = self.cluster
        return await asked() if asked is not None else ClusterStatus(self.status())


@attrs.define(eq=False)
class Routes:
    """Answers requests by *answers*. `HEAD` is answered as `GET` is."""

    answers: Answers
    _cluster: Once[ClusterStatus] = attrs.field(init=False)
    _event: Once[str] = attrs.field(init=False)
    _texts: dict[tuple[str, str], Once[Reply]] = attrs.field(factory=dict, init=False)
    _streams: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._cluster = Once(self.answers.gathered, FRESH_S)
        self._event = Once(self._event_text, FRESH_S)

    async def answer(self, request: Request) -> Reply | Events:
        """The answer to *request*."""
        path, get = request.path, request.method in ("GET", "HEAD")
        name = path.removeprefix(PREFIX)
        route = next((each for each in API if each.path == name), None)
        if route is not None:
            if (route.method == "GET") is not get or (not get and request.method != "POST"):
                return _wrong_method(request.method, route.method)
            try:
                query = values_of(route.parameters, request.query)
            except ValueError as error:
                return error_reply(400, str(error))
            return await self._of_api(route.path, query)
        pages: dict[str, Callable[[Request], Awaitable[Reply]]] = {
            "/metrics": self._metrics,
            "/healthz": self._health,
            "/readyz": self._ready,
            "/": self._page,
            "/dashboard.js": self._page,
            "/dashboard.css": self._page,
        }
        if path in pages:
            return await pages[path](request) if get else _wrong_method(request.method, "GET")
        known = ", ".join([*(PREFIX + each.path for each in API), *pages])
        return error_reply(404, f"there is no {path[:100]}: expected one of {known}")

    async def _of_api(  # noqa: PLR0912 - a branch a path
        self, path: str, query: Mapping[str, Any]
    ) -> Reply | Events:
        match path:
            case "/status":
                return value_reply(unstructure(self.answers.status()))
            case "/cluster":
                return value_reply(unstructure(await self._cluster.get()))
            case "/topology":
                topology = self.answers.topology()
                if topology is None:
                    return error_reply(409, "there is no topology yet: the cluster is forming")
                return value_reply(unstructure(topology))
            case "/workers":
                return value_reply(unstructure(self.answers.status().workers))
            case "/why":
                return value_reply(self._why(await self._cluster.get()))
            case "/history":
                return await self._asked({"kind": "history"}, ANSWER_S)
            case "/tap":
                seconds = query.get("seconds", TAP_S)
                query = {**query, "kind": "tap", "seconds": seconds}
                return await self._asked(query, seconds + ANSWER_S)
            case "/state" | "/keys" | "/slots":
                return await self._asked({**query, "kind": path[1:]}, KEYS_S)
            case "/openapi.json":
                from wallarood.admin.web.openapi import document  # noqa: PLC0415 - few ask

                return value_reply(document(PREFIX, API))
            case "/events":
                if self._streams >= EVENT_STREAMS_MAX:
                    return error_reply(503, f"{EVENT_STREAMS_MAX} pages are open here already")
                return Events(self._events())
            case _:
                return self._order(path.removeprefix("/"), query)

    async def _asked(self, query: Mapping[str, Any], within_s: float) -> Reply:
        """What all workers answer to *query*."""
        if self.answers.ask is None:
            return error_reply(404, "this worker asks no others")
        told, silent = await self.answers.ask(query, within_s)
        wrong = [each for each in told.values() if isinstance(each, dict)]
        errors = [each["error"] for each in wrong if "error" in each]
        if errors and len(errors) == len(told):
            return error_reply(wrong[0].get("code", 400), str(errors[0]))
        return value_reply({"workers": told, "silent": silent})

    def _order(self, name: str, query: Mapping[str, Any]) -> Reply:
        order = self.answers.orders.get(name)
        if order is None:
            return error_reply(404, f"this worker takes no order {name}")
        try:
            return value_reply(order(query), 202)
        except OrderRefusedError as error:
            return error_reply(409, str(error))

    def _why(self, cluster: ClusterStatus) -> Any:
        from wallarood.admin.why.explain import explain, why_value  # noqa: PLC0415 - when asked

        return why_value(explain(cluster, self.answers.topology(), now=time.time()))

    async def _events(self) -> AsyncGenerator[str, None]:
        self._streams += 1
        try:
            while True:
                yield await self._event.get()
                await trio.sleep(EVENT_S)
        finally:
            self._streams -= 1

    async def _event_text(self) -> str:
        import json  # noqa: PLC0415 - when asked

        cluster = await self._cluster.get()
        topology = self.answers.topology()
        return json.dumps(
            {
                "at": time.time(),
                "cluster": unstructure(cluster),
                "topology": None if topology is None else unstructure(topology),
                **self._why(cluster),
            },
            separators=(",", ":"),
        )

    async def _metrics(self, request: Request) -> Reply:
        from wallarood.admin.metrics.exposition import kind_of  # noqa: PLC0415 - when asked

        scope = request.query.get("scope", "worker")
        if scope not in ("worker", "cluster"):
            return error_reply(400, f"scope={scope[:20]}: expected worker or cluster")
        kind = kind_of(request.headers.get("accept", ""))
        key = (scope, kind)
        if key not in self._texts:
            self._texts[key] = Once(lambda: self._metrics_text(scope, kind), METRICS_S)
        return await self._texts[key].get()

    async def _metrics_text(self, scope: str, kind: str) -> Reply:
        from wallarood.admin.metrics.exposition import text_of  # noqa: PLC0415 - when asked

        if scope == "cluster":
            cluster = await self._cluster.get()
        else:
            cluster = ClusterStatus(self.answers.status())
        return Reply(200, text_of(cluster, kind), kind)

    async def _health(self, _: Request) -> Reply:
        return Reply(200, b"ok\n", TEXT)

    async def _ready(self, _: Request) -> Reply:
        status = self.answers.status()
        ready = status.job in (JobState.RUNNING, JobState.COMPLETED)
        return Reply(200 if ready else 503, f"{status.phase}\n".encode(), TEXT)

    async def _page(self, request: Request) -> Reply:
        from wallarood.admin.dashboard.page import page  # noqa: PLC0415 - when asked

        return page(request.path)


def _wrong_method(found: str, expected: str) -> Reply:
    return error_reply(405, f"method {found[:20]}: expected {expected}", ("Allow", expected))
