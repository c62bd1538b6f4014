"""The files of the dashboard, read once."""

import functools
from importlib import resources

from wallarood.admin.web.message import Reply

SCRIPTS = (
    *("values.js", "graph.js", "stage.js", "charts.js", "tables.js"),
    *("checkpoints.js", "live.js"),
)
"""Served one after the other, as one script."""
FILES = {
    "/": (("dashboard.html",), "text/html; charset=utf-8"),
    "/dashboard.js": (SCRIPTS, "text/javascript; charset=utf-8"),
    "/dashboard.css": (("dashboard.css",), "text/css; charset=utf-8"),
}


@functools.cache
def page(path: str) -> Reply:
    """The file that is served as *path*, which is one of `FILES`."""
    names, kind = FILES[path]
    directory = resources.files("wallarood.admin.dashboard")
    return Reply(200, b"\n".join((directory / name).read_bytes() for name in names), kind)
