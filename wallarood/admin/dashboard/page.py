"""The files of the dashboard, read once."""

import functools
from importlib import resources

from wallarood.admin.web.message import Reply

FILES = {
    "/": ("dashboard.html", "text/html; charset=utf-8"),
    "/dashboard.js": ("dashboard.js", "text/javascript; charset=utf-8"),
    "/dashboard.css": ("dashboard.css", "text/css; charset=utf-8"),
}


@functools.cache
def page(path: str) -> Reply:
    """The file that is served as *path*, which is one of `FILES`."""
    name, kind = FILES[path]
    data = (resources.files("wallarood.admin.dashboard") / name).read_bytes()
    return Reply(200, data, kind)
