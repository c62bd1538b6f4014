"""All that is found, the most urgent first, and as a text for people."""

from typing import Any

from wallarood.admin.status import ClusterStatus, progress
from wallarood.admin.why.finding import Fault, Finding
from wallarood.admin.why.records import find_in_records
from wallarood.admin.why.stages import find_slowest, hops, stage_views
from wallarood.admin.why.trouble import find_trouble
from wallarood.model.topology import Topology

_ORDER = {fault: place for place, fault in enumerate(Fault)}


def explain(cluster: ClusterStatus, topology: Topology | None, *, now: float) -> list[Finding]:
    """What is wrong, the most urgent first; one finding that nothing is, if so.

    *now* is in seconds since 1970 UTC.
    """
    found = [*find_trouble(cluster, now), *find_in_records(cluster)]
    if topology is not None and (slow := find_slowest(cluster, topology)) is not None:
        found.append(slow)
    if not found:
        found.append(_nothing(cluster, topology))
    return sorted(found, key=lambda each: _ORDER[each.fault])


def _nothing(cluster: ClusterStatus, topology: Topology | None) -> Finding:
    """No stage is the limit: the sources bring no more."""
    rate = sum(status.rate for status in cluster.workers)
    sources = tuple(source for status in cluster.workers for source in status.sources)
    read = progress(sources)
    lag = sum(source.lag_records or 0 for source in sources)
    unread = (read is not None and read < 1) or lag > 0
    sentence = (
        f"no stage is the limit: the sources bring {rate:,.0f} records/s"
        if unread
        else f"nothing is slow: all that is there has been read, {rate:,.0f} records/s"
    )
    views = stage_views(cluster, topology) if topology is not None else {}
    return Finding(Fault.NOTHING, sentence, hops(views))


def why_text(findings: list[Finding]) -> str:
    """A sentence, what it rests on, and what else was found."""
    first, *others = findings
    parts = [_sentence(first)]
    parts += [f"  {line}" for line in first.evidence]
    if others:
        parts += ["", "also:"]
        parts += [f"  {each.sentence}" for each in others]
    return "\n".join(parts)


def _sentence(finding: Finding) -> str:
    return f"{finding.sentence[0].upper()}{finding.sentence[1:]}."


def why_value(findings: list[Finding]) -> dict[str, Any]:
    """The same for programs."""
    return {
        "findings": [
            {
                "fault": each.fault.value,
                "where": each.where,
                "sentence": each.sentence,
                "evidence": list(each.evidence),
            }
            for each in findings
        ]
    }
