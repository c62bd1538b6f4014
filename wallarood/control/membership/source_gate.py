"""When sources are held: as long as any member misses another one."""

from collections.abc import Mapping

import attrs

from wallarood.control.effects import Effect, PauseSources, ResumeSources
from wallarood.control.membership.presence import Peer, missing
from wallarood.model.ids import WorkerName


@attrs.define
class SourceGate:
    """Whether the sources of worker *me* are held, and what has been said of that."""

    me: WorkerName
    running: bool = False
    """Whether a round runs."""
    completed: bool = False
    """Whether the job is done: members may leave as they like."""
    _reason: str | None = None

    def begin(self) -> None:
        """A round begins: what was said before does not count."""
        self.running, self.completed, self._reason = True, False, None

    def look(self, peers: Mapping[WorkerName, Peer]) -> list[Effect]:
        """Hold or let go the sources, if that has changed."""
        if not self.running or self.completed:
            return []
        reason = self._absence(peers)
        if reason == self._reason:
            return []
        self._reason = reason
        return [PauseSources(reason)] if reason else [ResumeSources()]

    def _absence(self, peers: Mapping[WorkerName, Peer]) -> str:
        ended = {name: peer.ended_by for name, peer in peers.items() if peer.ended_by}
        absent = {
            name: f" (ended with status {ended[name]})" if name in ended else ""
            for name in missing(peers)
        }
        for name, peer in peers.items():
            for other in peer.misses:
                absent.setdefault(other, f" (missed by {name})")
        absent.pop(self.me, None)
        text = ", ".join(name + note for name, note in absent.items())
        total = len(peers) + 1
        return f"waiting for {len(absent)} of {total} workers: {text}" if absent else ""
