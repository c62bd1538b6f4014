"""How much a stage takes at once."""

from operator import itemgetter

import wallarood as w
from wallarood.planning.listings import list_partitions
from wallarood.planning.plan import plan
from wallarood.runtime.dataflow.limits import AGGREGATED_BATCHES, batches_at_once


def test_only_a_stage_with_an_aggregation_takes_several_batches_as_one() -> None:
    records = w.source("in", w.ListSource([], record=tuple[str, int])).key_by(itemgetter(0))
    app = w.application("a", records.aggregate(w.count(), name="counts").to_sink(w.ListSink([])))
    stages = plan(app, ("alpha",), (("alpha", list_partitions(app)),)).stages
    taken = {"counts" in stage.steps: batches_at_once(app, stage) for stage in stages}
    assert taken == {True: AGGREGATED_BATCHES, False: 1}
