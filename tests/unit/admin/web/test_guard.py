"""Who is let in over the network, and who is not."""

from typing import Any

import pytest

from wallarood.admin.web.guard import CLIENTS_MAX, WRONG_MAX, WRONG_S, Guard
from wallarood.admin.web.message import Request

TOKEN = b"0123456789abcdef"


def request(method: str = "GET", path: str = "/metrics", **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method, path, {}, {"host": "127.0.0.1:7780", **named}, "10.0.0.1")


def code(guard: Guard, asked: Request) -> int | None:
    refusal = guard.refusal(asked)
    return None if refusal is None else refusal.code


def guard_of(
    host: str = "127.0.0.1", token: bytes | None = None, at: list[float] | None = None
) -> Any:
    times = at if at is not None else [0.0]
    return Guard(host, token, lambda: times[0])


def test_on_loopback_anybody_may_look_and_nobody_may_give_orders() -> None:
    guard = guard_of()
    assert code(guard, request()) is None
    assert code(guard, request("POST", "/api/v1/shutdown")) == 403


@pytest.mark.parametrize(
    ("host", "answered"),
    [
        ("127.0.0.1:7780", True),
        ("localhost:7780", True),
        ("[::1]:7780", True),
        ("localhost", True),
        ("evil.example.org:7780", False),  # a name that was made to mean 127.0.0.1
        ("", False),
    ],
)
def test_on_loopback_a_request_for_another_host_is_refused(host: str, answered: bool) -> None:
    assert code(guard_of(), request(host=host)) == (None if answered else 421)


def test_with_a_token_the_page_is_open_and_all_else_is_not() -> None:
    guard = guard_of("0.0.0.0", TOKEN)
    for path in ("/", "/dashboard.js", "/dashboard.css", "/healthz", "/readyz"):
        assert code(guard, request(path=path)) is None
    for path in ("/metrics", "/api/v1/status", "/api/v1/events", "/dashboard.js/../metrics"):
        assert code(guard, request(path=path)) == 401
    shown = {"authorization": f"Bearer {TOKEN.decode()}"}
    assert code(guard, request(**shown)) is None
    assert code(guard, request("POST", "/api/v1/checkpoint", **shown)) is None


@pytest.mark.parametrize("headers", [{"sec_fetch_site": "cross-site"}, {"origin": "https://a.org"}])
def test_a_page_of_another_site_gives_no_orders_even_with_the_token(
    headers: dict[str, str],
) -> None:
    guard = guard_of(token=TOKEN)
    shown = {"authorization": f"Bearer {TOKEN.decode()}", **headers}
    assert code(guard, request("POST", "/api/v1/checkpoint", **shown)) == 403
    own = shown | {"sec_fetch_site": "same-origin", "origin": "http://127.0.0.1:7780"}
    assert code(guard, request("POST", "/api/v1/checkpoint", **own)) is None


def test_who_guesses_waits_a_minute_and_others_do_not() -> None:
    at = [100.0]
    guard = guard_of(token=TOKEN, at=at)
    wrong = request(authorization="Bearer guess")
    right = request(authorization=f"Bearer {TOKEN.decode()}")
    assert [code(guard, wrong) for _ in range(WRONG_MAX)] == [401] * WRONG_MAX
    assert code(guard, wrong) == 429
    assert code(guard, right) == 429
    other = Request("GET", "/metrics", {}, right.headers, "10.0.0.2")
    assert code(guard, other) is None
    at[0] += WRONG_S
    assert code(guard, right) is None


def test_addresses_with_wrong_tokens_are_bounded() -> None:
    guard = guard_of(token=TOKEN)
    for number in range(CLIENTS_MAX + 10):
        headers = {"host": "localhost", "authorization": "Bearer guess"}
        guard.refusal(Request("GET", "/metrics", {}, headers, f"client-{number}"))
    assert len(guard._wrong) == CLIENTS_MAX


def test_a_request_without_a_token_is_no_guess() -> None:
    guard = guard_of(token=TOKEN)
    assert {code(guard, request()) for _ in range(3 * WRONG_MAX)} == {401}
