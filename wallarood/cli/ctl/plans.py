"""What a change of a cluster would come to, before it is made: how much moves, for how long."""
# Theory of operation
# ===================
# The worker that is asked says which slots, stages and partitions would move. How large they are
# every worker knows of its own: of a stage that gives away a share of its slots, that share of what
# it keeps in a checkpoint is counted. A worker that is lost does not answer; its slots are taken to
# be as large as those of the others.
#
# What moves in a planned change is copied while records flow. What follows in the pause is no more
# than what one checkpoint has written.

from collections.abc import Iterator, Mapping
from typing import Any

from wallarood.admin.status import ClusterStatus
from wallarood.model.topology import Topology

BYTES_A_SECOND = 30e6
"""What a worker takes over in a second, about: sent, written and durable."""
AT_LEAST_S = 0.5
"""How long sources pause where next to nothing moves."""
KIB = 1024


def weighed(plan: Mapping[str, Any], cluster: ClusterStatus, topology: Topology) -> dict[str, Any]:
    """*plan* with how many keys and bytes each move has, all of them, and the expected pause."""
    moves = [{**move, **_size(move, cluster, topology)} for move in plan["moves"]]
    gained: dict[str, int] = {}
    for move in moves:
        gained[move["to"]] = gained.get(move["to"], 0) + move["bytes"]
    last = [each.checkpoint.duration_s or 0.0 for each in cluster.workers]
    most = max(gained.values(), default=0)
    if plan.get("copied_ahead"):
        most = min(most, max((w.checkpoint.size_bytes or 0 for w in cluster.workers), default=0))
    pause = AT_LEAST_S + max(last, default=0.0) + most / BYTES_A_SECOND
    return {
        **plan,
        "moves": moves,
        "keys": sum(move["keys"] for move in moves),
        "bytes": sum(gained.values()),
        "pause_s": round(pause, 1),
    }


def _size(
    move: Mapping[str, Any], cluster: ClusterStatus, topology: Topology
) -> dict[str, int | bool]:
    """The keys and bytes of a move; *guessed* if who has them does not say."""
    if move["partitions"]:
        return {"keys": 0, "bytes": 0, "guessed": False}
    stage = next(each for each in topology.stages if each.name == move["stage"])
    owned = {
        name: stage.owners.count(name) if stage.partition_owners else 1 for name in stage.workers
    }
    kept = {
        worker.worker: (sum(s.keys for s in one.states), sum(s.bytes for s in one.states))
        for worker in cluster.workers
        for one in worker.stages
        if one.name == stage.name
    }
    slots, owner = move["slots"] or 1, move["from"]
    known = [owner] if owner in kept else [name for name in kept if owned.get(name)]
    of = max(1, sum(owned.get(name, 0) for name in known))
    keys, size = (sum(kept[name][place] for name in known) for place in (0, 1))
    return {
        "keys": round(keys * slots / of),
        "bytes": round(size * slots / of),
        "guessed": owner not in kept,
    }


def shown(plan: Mapping[str, Any]) -> list[str]:
    """What would move, in lines."""
    who = "joining" if "joining" in plan else "leaving"
    return [
        f"{who}: {', '.join(plan[who])}; staying: {', '.join(plan['staying'])}",
        f"{plan['moving']} of {plan['slots']} slots would move{_amount(plan)}",
        *_moves(plan),
        *_pause(plan),
    ]


def _moves(plan: Mapping[str, Any]) -> Iterator[str]:
    for move in plan["moves"]:
        what = f"{move['slots']} slots" if move["slots"] else "all of it"
        if move["partitions"]:
            what = _partitions(move)
        yield f"  {move['stage']}: {what} from {move['from']} to {move['to']}{_amount(move)}"


def _partitions(move: Mapping[str, Any]) -> str:
    if move.get("journals"):
        return f"the journal of {', '.join(move['partitions'])}"
    return f"{len(move['partitions'])} partitions"


def _amount(has: Mapping[str, Any]) -> str:
    if "bytes" not in has or has.get("partitions"):
        return ""
    return f", about {has['keys']:,} keys, {in_bytes(has['bytes'])}"


def _pause(plan: Mapping[str, Any]) -> Iterator[str]:
    if "pause_s" in plan:
        yield f"sources would pause for about {plan['pause_s']:g} s"


def in_bytes(number: int) -> str:
    """A size for people."""
    for unit in ("bytes", "KiB", "MiB"):
        if number < KIB:
            return f"{number:.0f} {unit}"
        number = round(number / KIB)
    return f"{number:,} GiB"
