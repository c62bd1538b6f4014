"""The example of webhooks: run by a worker, and sent to as GitHub does."""

import hmac
from hashlib import sha256
from pathlib import Path

import pytest
from support.harness import count_lines, hosts_in, wait_for
from support.ports import free_port
from support.web import post

from wallarood.examples.servers.webhooks import app
from wallarood.model.errors import UsageError


def test_signed_requests_are_counted_by_kind(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("sesame\n")
    port = free_port()

    def send(body: bytes, delivery: str, secret: bytes = b"sesame") -> int:
        signature = f"sha256={hmac.new(secret, body, sha256).hexdigest()}"
        about = {"X_Hub_Signature_256": signature, "X_GitHub_Delivery": delivery}
        return post(port, body, "/hooks/a", X_GitHub_Event="push", **about).code

    with hosts_in(tmp_path) as hosts:
        args = (f"127.0.0.1:{port}", str(tmp_path / "secrets"))
        worker = hosts.start(
            "alpha", "wallarood.examples.servers.webhooks", initializer=True, args=args
        )
        wait_for("it listens", lambda: "source listening" in worker.said)
        assert [send(b"{}", "1"), send(b"{}", "2"), send(b"{}", "1")] == [200, 200, 200]
        assert send(b"{}", "3", b"barley") == 401

        def counts() -> list[int]:
            found = count_lines(tmp_path / "webhooks-out").get("push", [])
            return [count for _, count in found]

        wait_for("both counts come", lambda: len(counts()) > 1)
        assert counts() == [1, 2]


def test_counts_may_go_to_a_url() -> None:
    steps = app(["127.0.0.1:1", "secrets", "http://127.0.0.1:2/counts"]).steps
    assert [str(each.connector.url) for each in steps if hasattr(each.connector, "url")] == [
        "http://127.0.0.1:2/counts"
    ]


def test_it_says_what_it_wants() -> None:
    with pytest.raises(UsageError, match="expected HOST:PORT SECRETS"):
        app([])
