"""What comes is sorted by state; the rest is tried where it is used, in `test_ahead`."""

from typing import Any

from wallarood.runtime.change.collecting import chain_in

HEAD: dict[str, Any] = {
    "chains": [
        {"computation": "count", "links": [[1, 2], [3, 1]]},
        {"computation": "sum", "links": [[1, 1]], "narrowed": True},
    ]
}


def test_the_chunks_of_a_computation_are_found_in_a_manifest() -> None:
    assert chain_in(HEAD, "count") == {
        "computation": "count",
        "links": [[1, 2], [3, 1]],
        "narrowed": False,
    }
    narrowed = chain_in(HEAD, "sum")
    assert narrowed is not None
    assert narrowed["narrowed"]
    assert chain_in(HEAD, "other") is None
    assert chain_in({}, "count") is None
