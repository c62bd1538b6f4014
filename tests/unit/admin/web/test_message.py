"""Requests and replies as values."""

import json

import pytest

from wallarood.admin.web.message import PARAMETERS_MAX, Request, error_reply, value_reply


def test_a_target_is_a_path_and_its_parameters() -> None:
    request = Request.of("GET", "/a/b?name=c%20d&name=e", {})
    assert (request.path, request.query) == ("/a/b", {"name": "e"})
    assert Request.of("GET", "/?a=&b", {}).query == {"a": "", "b": ""}


def test_too_many_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="fields"):
        Request.of("GET", "/?" + "&".join(["a=1"] * (PARAMETERS_MAX + 1)), {})


def test_replies_are_lines_of_json() -> None:
    assert value_reply({"a": 1}).body == b'{"a": 1}\n'
    reply = error_reply(409, "not now", ("Retry-After", "1"))
    assert (reply.code, json.loads(reply.body)) == (409, {"error": "not now"})
    assert reply.headers == (("Retry-After", "1"),)
