"""What a worker answers when it is asked for records as they pass, or for state."""

from collections.abc import Mapping
from typing import Any

import attrs
import trio

from wallarood.admin.gathering import Kind, UnansweredError
from wallarood.admin.peeking.shown import shown
from wallarood.runtime.dataflow.looks import Looks, Tap
from wallarood.runtime.worker import Worker

COUNT_MAX = 1000
SECONDS_MAX = 20.0


@attrs.frozen
class Peeking:
    """Answers for *worker*; nothing is shown where *allowed* is false (`security.tap`)."""

    worker: Worker
    allowed: bool

    @property
    def kinds(self) -> dict[str, Kind]:
        """The questions that are answered."""
        return {"tap": self.tap, "state": self.state, "keys": self.keys, "slots": self.slots}

    def _check(self) -> None:
        if not self.allowed:
            raise UnansweredError(
                403, "this worker shows no records, keys or states: security.tap is false"
            )

    async def tap(self, query: Mapping[str, Any]) -> Any:
        """Records as they come to a stage here. Raises ValueError: the query is wrong."""
        self._check()
        looks = self._looks(str(query.get("stage", "")))
        key = query.get("key")
        tap = Tap(_count(query), shown, None if key is None else str(key))
        seconds = min(SECONDS_MAX, float(query.get("seconds", 2.0)))
        for each in looks:
            each.taps.append(tap)
        try:
            with trio.move_on_after(seconds if looks else 0):
                await tap.full.wait()
        finally:
            for each in looks:
                each.taps.remove(tap)
        return [{"key": key, "record": record} for key, record in tap.taken]

    def _looks(self, name: str) -> list[Looks]:
        """The instances here of the stage that is called so, or has a step of this name."""
        job = self.worker.job
        if job is None:
            return []
        known = [stage.name for stage in job.wiring.topology.stages]
        wanted = {
            stage.index
            for stage in job.wiring.topology.stages
            if name == stage.name or name in stage.steps
        }
        if not wanted:
            raise UnansweredError(
                404, f"there is no stage {name[:100]!r}; stages: {', '.join(known)}"
            )
        found = [each.looks for each in job.stages if each.stage.index in wanted]
        return found + [each.looks for each in job.sinks if each.stage in wanted]

    async def state(self, query: Mapping[str, Any]) -> Any:
        """The state of a key here, as it is. Raises ValueError: the query is wrong."""
        from wallarood.admin.peeking.states import look_up  # noqa: PLC0415 - when it is asked for

        self._check()
        states = self._states(query)
        return [each for state in states for each in look_up(state, str(query.get("key", "")))]

    async def keys(self, query: Mapping[str, Any]) -> Any:
        """The keys with the largest states here. Raises ValueError: the query is wrong."""
        from wallarood.admin.peeking.states import largest  # noqa: PLC0415 - when it is asked for

        self._check()
        found = [
            each for state in self._states(query) for each in await largest(state, _count(query))
        ]
        return found

    async def slots(self, query: Mapping[str, Any]) -> Any:
        """How many keys are in each group of slots here; no key is shown, so it is always allowed.

        Raises ValueError: the query is wrong.
        """
        from wallarood.admin.peeking.slots import keys_by_group  # noqa: PLC0415 - as below
        from wallarood.flow.sampled.slots import groups_of  # noqa: PLC0415 - as below

        states, job = self._states(query), self.worker.job
        if job is None or not states:
            return []
        name = states[0].computation
        stage = next(each for each in job.wiring.stages if name in each.steps)
        if not stage.partition_owners:
            return []
        return await keys_by_group(states[0], groups_of(stage, self.worker.member.name))

    def _states(self, query: Mapping[str, Any]) -> Any:
        from wallarood.admin.peeking.states import (  # noqa: PLC0415 - when it is asked for
            computations_of,
            states_of,
        )

        name = str(query.get("computation", ""))
        known = [
            step.name for step in self.worker.application.steps if step.computation is not None
        ]
        if name not in known:
            there = ", ".join(computations_of(self.worker.job)) or "none here"
            raise UnansweredError(
                404, f"there is no computation {name[:100]!r}; with state: {there}"
            )
        return states_of(self.worker.job, name)


def _count(query: Mapping[str, Any]) -> int:
    count = int(query.get("count", 10))
    if not 1 <= count <= COUNT_MAX:
        raise ValueError(f"count={count}: expected 1 to {COUNT_MAX}")
    return count
