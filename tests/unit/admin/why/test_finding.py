"""The faults stand in the order of their urgency."""

from wallarood.admin.why.finding import Fault


def test_what_stops_the_cluster_comes_before_what_slows_it() -> None:
    order = list(Fault)
    assert order[0] is Fault.FAILED
    assert order[-1] is Fault.NOTHING
    stopping = (Fault.MISSING_WORKER, Fault.BLOCKED_DISK, Fault.FAILING_CHECKPOINT)
    slowing = (Fault.HOT_KEY, Fault.SLOW_SINK, Fault.SLOW_STAGE, Fault.LATE_RECORDS)
    assert max(map(order.index, stopping)) < min(map(order.index, slowing))
