"""What the table of the API says of its paths."""

from wallarood.admin.web.api import API, NAMES_MAX
from wallarood.admin.web.exchange import HEAD_BYTES_MAX


def test_paths_are_there_once_and_only_orders_change_something() -> None:
    paths = [each.path for each in API]
    assert len(set(paths)) == len(paths)
    orders = {each.path for each in API if each.method != "GET"}
    assert orders == {
        *("/checkpoint", "/drop", "/evict", "/grow", "/reload", "/replace", "/shrink", "/shutdown"),
        "/upgrade",
    }


def test_the_names_of_many_workers_fit_into_a_request() -> None:
    (shrink,) = [each for each in API if each.path == "/shrink"]
    assert shrink.parameters["names"].characters == NAMES_MAX < HEAD_BYTES_MAX
