"""Objects are dealt to lanes, whose names say which they are."""

from wallarood.connectors.objects.shelf import Lane, lane_of, lanes


def test_each_object_belongs_to_one_lane() -> None:
    keys = [f"logs/{number}.json" for number in range(1000)]
    names = lanes("s3://b/logs", 4)
    found = [lane_of(name, "s3://b/logs") for name in names]
    assert found == [Lane(number, 4) for number in range(1, 5)]
    counts = [sum(lane.has(key) for key in keys) for lane in found]
    assert sum(counts) == 1000
    assert min(counts) > 150


def test_one_lane_has_all() -> None:
    assert lanes("s3://b/logs (1 of 2)", 1) == ("s3://b/logs (1 of 2)",)
    assert lane_of("s3://b/logs (1 of 2)", "s3://b/logs (1 of 2)") == Lane()
    assert Lane().has("anything")
