"""pyarrow may be missing, and is imported only where a file is read or written."""

import subprocess
import sys
from pathlib import Path

WITHOUT = """
import sys
sys.modules["pyarrow"] = None
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == "pyarrow" else found(name)
import wallarood as w
for connector in (w.FileSource("in", format="parquet"), w.FileSink("out", format="parquet")):
    try:
        connector.check()
    except w.ApplicationError as error:
        print(error)
"""
UNUSED = """
import sys
import wallarood as w
source, sink = w.FileSource("in", format="parquet"), w.FileSink("out", format="parquet")
source.check(), sink.check()
print([name for name in sys.modules if name.startswith("pyarrow")])
"""


def said(program: str, directory: Path) -> str:
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=True)
    return done.stdout


def test_check_says_what_to_install(tmp_path: Path) -> None:
    expected = (
        'format="parquet" needs the Python package pyarrow, which is not installed: '
        "pip install 'wallarood[parquet]'\n"
    )
    assert said(WITHOUT, tmp_path) == 2 * expected


def test_who_only_checks_does_not_import_it(tmp_path: Path) -> None:
    assert said(UNUSED, tmp_path) == "[]\n"
