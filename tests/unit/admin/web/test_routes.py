"""What is answered where."""

import json
from typing import Any

import attrs
import pytest
import trio
from support.clusters import healthy_cluster
from trio.testing import MockClock

from wallarood.admin.orders import OrderRefusedError
from wallarood.admin.status import ClusterStatus, JobState
from wallarood.admin.web.api import API
from wallarood.admin.web.message import Events, Reply, Request
from wallarood.admin.web.routes import EVENT_STREAMS_MAX, Answers, Routes


def refusing(_: Any) -> Any:
    raise OrderRefusedError("all workers must be connected; missing: gamma")


def routes_of(gathered: list[int] | None = None, **changes: Any) -> Routes:
    made = healthy_cluster()

    async def cluster() -> ClusterStatus:
        if gathered is not None:
            gathered.append(1)
        return made.cluster

    async def ask(query: Any, _: float) -> tuple[dict[str, Any], tuple[str, ...]]:
        if query.get("computation") == "none":
            return {"alpha": {"error": "there is no computation", "code": 404}}, ()
        if query.get("computation") == "old":
            return {"alpha": {"error": "of another version"}}, ()
        return {"alpha": query, "beta": query}, ("gamma",)

    answers = Answers(
        lambda: attrs.evolve(made.cluster.asked, **changes),
        lambda: made.topology,
        {"checkpoint": lambda query: {"kept": query.get("keep")}, "reload": refusing},
        cluster,
        ask,
    )
    return Routes(answers)


async def asked(routes: Routes, target: str, method: str = "GET", **headers: str) -> Reply:
    reply = await routes.answer(Request.of(method, target, headers))
    assert isinstance(reply, Reply)
    return reply


async def test_each_path_of_the_api_answers_with_its_method_only() -> None:
    routes = routes_of()
    for route in API:
        wrong = "POST" if route.method == "GET" else "GET"
        assert (await asked(routes, f"/api/v1{route.path}", wrong)).code == 405
        if route.method == "GET" and route.path != "/events":
            needed = "&".join(f"{name}=a" for name, p in route.parameters.items() if p.required)
            assert (await asked(routes, f"/api/v1{route.path}?{needed}")).code == 200
            # As before there was a prefix.
            assert (await asked(routes, f"{route.path}?{needed}")).code == 200


def told_by_both(reply: Reply) -> Any:
    """What both workers have answered: they answer with what they were asked."""
    value = json.loads(reply.body)
    assert value["silent"] == ["gamma"]
    assert value["workers"]["alpha"] == value["workers"]["beta"]
    return value["workers"]["alpha"]


async def test_what_is_asked_of_all_goes_to_all_with_its_parameters() -> None:
    routes = routes_of()
    reply = await asked(routes, "/api/v1/state?computation=count&key=a%20b")
    assert told_by_both(reply) == {"kind": "state", "computation": "count", "key": "a b"}
    reply = await asked(routes, "/api/v1/tap?stage=count&seconds=5&count=7")
    assert told_by_both(reply) == {"kind": "tap", "stage": "count", "seconds": 5.0, "count": 7}
    reply = await asked(routes, "/api/v1/keys?computation=none")
    assert (reply.code, json.loads(reply.body)["error"]) == (404, "there is no computation")
    assert (await asked(routes, "/api/v1/keys?computation=old")).code == 400


@pytest.mark.parametrize(
    "target",
    ["tap", "tap?stage=a&seconds=500", "state?computation=a", "keys?computation=a&count=0"],
)
async def test_a_wrong_query_is_refused_before_anybody_is_asked(target: str) -> None:
    assert (await asked(routes_of(), f"/api/v1/{target}")).code == 400


async def test_the_history_is_that_of_all_who_answer() -> None:
    reply = await asked(routes_of(), "/api/v1/history")
    query = {"kind": "history"}
    assert told_by_both(reply) == query


async def test_an_order_is_accepted_or_refused_with_its_reason() -> None:
    routes = routes_of()
    reply = await asked(routes, "/api/v1/checkpoint?keep=a", "POST")
    assert (reply.code, json.loads(reply.body)) == (202, {"kept": "a"})
    reply = await asked(routes, "/api/v1/reload", "POST")
    assert reply.code == 409
    assert "missing: gamma" in json.loads(reply.body)["error"]
    assert (await asked(routes, "/api/v1/shutdown", "POST")).code == 404


@pytest.mark.parametrize(
    "path", ["/nothing", "/../etc/passwd", "/dashboard.js/../../secret", "/api/v2/status", ""]
)
async def test_what_is_not_there_is_not_found(path: str) -> None:
    assert (await asked(routes_of(), path)).code == 404


@pytest.mark.parametrize(
    ("state", "code"),
    [(JobState.RUNNING, 200), (JobState.COMPLETED, 200), (JobState.PAUSED, 503)],
)
async def test_readiness_is_that_of_the_job_and_health_that_of_the_loop(
    state: JobState, code: int
) -> None:
    routes = routes_of(job=state)
    assert (await asked(routes, "/readyz")).code == code
    assert (await asked(routes, "/healthz")).code == 200


async def test_metrics_are_of_this_worker_or_of_all_and_in_the_form_that_is_asked_for() -> None:
    routes = routes_of()
    own = (await asked(routes, "/metrics")).body.decode()
    assert 'wallarood_up{worker="alpha"} 1.0' in own
    assert "gamma" not in own.replace('peer="gamma"', "")
    everyone = (await asked(routes, "/metrics?scope=cluster")).body.decode()
    assert 'wallarood_up{worker="gamma"} 1.0' in everyone
    reply = await asked(routes, "/metrics", accept="application/openmetrics-text; version=1.0.0")
    assert reply.kind.startswith("application/openmetrics-text")
    assert reply.body.endswith(b"# EOF\n")
    assert (await asked(routes, "/metrics?scope=all")).code == 400


async def test_a_hundred_who_ask_cost_one_round_of_questions(autojump_clock: MockClock) -> None:
    gathered: list[int] = []
    routes = routes_of(gathered)
    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(asked, routes, "/api/v1/cluster")
    assert gathered == [1]


async def test_events_show_the_cluster_every_second_to_so_many_pages(
    autojump_clock: MockClock,
) -> None:
    routes = routes_of()
    streams = []
    for _ in range(EVENT_STREAMS_MAX):
        reply = await routes.answer(Request("GET", "/api/v1/events"))
        assert isinstance(reply, Events)
        event = json.loads(await anext(reply.lines))
        assert event["cluster"]["asked"]["worker"] == "alpha"
        assert event["findings"][0]["fault"] == "nothing"
        streams.append(reply.lines)
    assert (await asked(routes, "/api/v1/events")).code == 503
    await streams.pop().aclose()  # type: ignore[attr-defined]
    assert isinstance(await routes.answer(Request("GET", "/api/v1/events")), Events)
    for lines in streams:
        await lines.aclose()  # type: ignore[attr-defined]
