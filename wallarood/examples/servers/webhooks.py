"""Webhooks are counted by their kind: each request that was answered counts once, whatever dies.

``wallarood dev wallarood.examples.servers.webhooks --workers 3 -- 127.0.0.1:7880 SECRETS``, where
the file SECRETS has a secret on each line; then let GitHub, or a program that signs as it does,
send to http://127.0.0.1:7880/hooks/… With a URL as a third argument counts are sent there, else
they are put into the directory webhooks-out.
"""

import wallarood as w
from wallarood.model.errors import UsageError


class Seen:
    """How many of a kind have come."""

    count = 0


def kind_of(hook: w.HttpMessage[dict[str, object]]) -> str:
    """What a webhook is about: GitHub says it in a header."""
    return hook.headers.get("x-github-event") or hook.path


@w.state_computation(state=Seen)
def counted(hook: w.HttpMessage[dict[str, object]], state: Seen) -> tuple[str, int]:
    """The kind, and how many have come by now."""
    state.count += 1
    return kind_of(hook), state.count


def app(args: list[str]) -> w.Application:
    """Arguments: HOST:PORT to listen on, the file of secrets, and perhaps the URL of a receiver."""
    if len(args) not in (2, 3):
        raise UsageError("webhooks: expected HOST:PORT SECRETS [URL]")
    source = w.HttpSource(
        args[0],
        path="/hooks/*",
        messages=True,
        signature="github",
        secret_file=args[1],
        id_header="X-GitHub-Delivery",
    )
    sink: w.Sink = w.HttpSink(args[2]) if len(args) == 3 else w.FileSink("webhooks-out")
    return w.application(
        "webhooks",
        w.source("hooks", source).key_by(kind_of, name="by-kind").to(counted).to_sink(sink),
    )
