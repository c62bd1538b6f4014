"""How many keys a computation keeps in each group of slots: numbers only, no key is shown."""

from typing import Any

import trio

from wallarood.admin.peeking.states import AT_ONCE, LOOKED_AT_MAX, tables_of
from wallarood.flow.keys import encode_key, slot_of_bytes
from wallarood.flow.sampled.slots import SlotGroups
from wallarood.flow.state.state import State


async def keys_by_group(state: State, groups: SlotGroups) -> list[dict[str, int]]:
    """The keys of *state* in each group: counted, or where there are many, estimated by a part."""
    by_slot, counts = groups.by_slot(), [0.0] * len(groups.bounds)
    for rows in tables_of(state):
        keys = list(rows)
        looked_at = keys[:: max(1, len(keys) // LOOKED_AT_MAX)]
        each = len(keys) / max(1, len(looked_at))
        for start in range(0, len(looked_at), AT_ONCE):
            for key in looked_at[start : start + AT_ONCE]:
                group = by_slot.get(slot_of_bytes(_bytes_of(key), groups.slots))
                if group is not None:
                    counts[group] += each
            await trio.lowlevel.checkpoint()
    return [
        {"first": first, "last": last, "keys": round(count)}
        for (first, last), count in zip(groups.bounds, counts, strict=True)
    ]


def _bytes_of(held: Any) -> bytes:
    """The encoded bytes of a key, in whichever form a state holds it."""
    if isinstance(held, tuple) and len(held) == 1 and type(held[0]) is bytes:
        return held[0]  # it does not stand for itself
    return encode_key(held)
