"""The paths below /api/v1: what each takes and gives. The OpenAPI document is made from it."""

from collections.abc import Mapping
from typing import Any

import attrs

from wallarood.admin.status import ClusterStatus, Status
from wallarood.admin.web.parameters import Parameter
from wallarood.model.topology import Topology

PREFIX = "/api/v1"
TAP_S_MAX = 20.0
COUNT_MAX = 1000
NAMES_MAX = 12_000


@attrs.frozen
class Route:
    """One path of the API: what it is for, and the parameters of its query."""

    method: str
    path: str
    summary: str
    gives: Any = None
    """The class that is given, as JSON; None for a value of its own form."""
    parameters: Mapping[str, Parameter] = attrs.field(factory=dict)


_COMPUTATION = Parameter("whose state", required=True)
_COUNT = Parameter("how many; 10", int, 1, COUNT_MAX)

API: tuple[Route, ...] = (
    Route("GET", "/status", "what this worker says of itself", Status),
    Route("GET", "/cluster", "what all workers say, and who did not answer", ClusterStatus),
    Route("GET", "/topology", "stages, edges, and who runs what; 409 while forming", Topology),
    Route("GET", "/workers", "the members, as this worker sees them"),
    Route("GET", "/why", "why the cluster is slow, the most urgent finding first"),
    Route("GET", "/history", "what the workers read and wrote in the last hour"),
    Route("GET", "/events", "server-sent events: cluster, topology and findings, every second"),
    Route(
        "GET",
        "/tap",
        "some of the records that come to a stage, on each worker",
        None,
        {
            "stage": Parameter("its name, or that of a step of it", required=True),
            "key": Parameter("only records of this key"),
            "count": Parameter("how many, from each worker; 10", int, 1, COUNT_MAX),
            "seconds": Parameter("how long to wait for them; 2", float, 0, TAP_S_MAX),
        },
    ),
    Route(
        "GET",
        "/state",
        "the state of a key, as it is now",
        None,
        {"computation": _COMPUTATION, "key": Parameter("the key", required=True)},
    ),
    Route(
        "GET",
        "/keys",
        "the keys with the largest states, of those that are looked at",
        None,
        {"computation": _COMPUTATION, "count": _COUNT},
    ),
    Route(
        "GET",
        "/slots",
        "how many keys a computation keeps in each group of slots",
        None,
        {"computation": _COMPUTATION},
    ),
    Route("GET", "/openapi.json", "this document"),
    Route("POST", "/checkpoint", "take a checkpoint", None, {"keep": Parameter("keep it as this")}),
    Route(
        "POST",
        "/drop",
        "drop a kept checkpoint",
        None,
        {"name": Parameter("as it is kept", required=True)},
    ),
    Route("POST", "/reload", "read the configuration files again"),
    Route(
        "POST",
        "/grow",
        "say what would move if workers joined, which they do by themselves",
        None,
        {
            "names": Parameter("who would join, with commas between them", characters=NAMES_MAX),
            "dry-run": Parameter("only say what would move: needed, there is no such order"),
        },
    ),
    Route(
        "POST",
        "/shrink",
        "have workers leave the cluster",
        None,
        {
            "names": Parameter("who leaves, with commas between them", characters=NAMES_MAX),
            "to": Parameter("how many stay, where no names are given"),
            "dry-run": Parameter("only say what would move"),
        },
    ),
    Route(
        "POST",
        "/evict",
        "go on without lost workers",
        None,
        {
            "names": Parameter(
                "who is lost, with commas between them", required=True, characters=NAMES_MAX
            ),
            "certified": Parameter("they are known to be dead"),
            "lose-output": Parameter("output may be lost that only they could publish"),
            "back-to": Parameter("a checkpoint that the cluster may go back to"),
            "dry-run": Parameter("only say what would move"),
        },
    ),
    Route(
        "POST",
        "/replace",
        "let an empty state directory take the place of a lost one",
        None,
        {
            "names": Parameter("whose is lost", required=True, characters=NAMES_MAX),
            "certified": Parameter("the worker that had it is known to be dead"),
            "lose-output": Parameter("output may be lost that was on the lost disk alone"),
            "back-to": Parameter("a checkpoint that the cluster may go back to"),
            "dry-run": Parameter("only say what would be fetched"),
        },
    ),
    Route(
        "POST",
        "/upgrade",
        "come to the new version of the application that all workers run, once more",
        None,
        {
            "back": Parameter("to the version before the last upgrade, if all run that"),
            "dry-run": Parameter("only say what would be lost"),
        },
    ),
    Route("POST", "/shutdown", "take a checkpoint, and end all workers"),
)
