"""Where a sink stands: a line goes on after a record of another."""

from wallarood.connectors.spool.place import Place, place_of


def test_a_line_goes_on_after_the_last_record_that_the_receiver_is_to_keep() -> None:
    kept = Place(0, 5)
    assert kept.in_line(0) == kept
    first = kept.in_line(1)
    assert first == Place(1, 1, (0, 4))
    assert first.in_line(2) == Place(2, 1, (0, 4)), "nothing was sent in line 1"
    assert Place(1, 3, (0, 4)).in_line(2) == Place(2, 1, (1, 2))
    assert Place.of(first.state) == first
    assert [place_of(each.file) for each in (kept, first)] == [(0, 5), (1, 1)]
