"""Loading applications: by module, by path, by function, and the errors of each."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from wallarood.loader import load_application
from wallarood.model.errors import ApplicationError, PipelineError

GOOD = """
import wallarood as w

def make(args):
    return w.application("made", w.source("in", w.ListSource(args)).to_sink(w.ListSink([])))

app = make(["a"])
other = 7

class Total:
    pass
"""


def application_file(directory: Path, text: str = GOOD, name: str = "my_app.py") -> Path:
    path = directory / name
    path.write_text(text)
    return path


@pytest.fixture(autouse=True)
def forget_modules() -> object:
    before, path = set(sys.modules), list(sys.path)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if name.startswith(("my_app", "application_")):
            del sys.modules[name]


def test_a_file_a_name_and_a_function(tmp_path: Path) -> None:
    path = application_file(tmp_path)
    assert load_application(str(path)).name == "made"
    assert load_application(f"{path}:make", ["x"]).steps[0].connector.records == ["x"]


def test_a_module_by_name() -> None:
    app = load_application("wallarood.examples.word_count:app", ["--input", "README.md"])
    assert app.name == "word count"


@pytest.mark.parametrize("name", ["my_app.v2.py", "my_app-2.py", "my_app 3.py", "my_app..py"])
def test_objects_of_a_file_of_any_name_can_be_pickled(tmp_path: Path, name: str) -> None:
    """Else they could not cross to another worker."""
    load_application(str(application_file(tmp_path, name=name)))
    (module,) = [m for key, m in sys.modules.items() if key.startswith("my_app")]
    assert isinstance(pickle.loads(pickle.dumps(module.Total())), module.Total)


def test_a_file_is_a_module_of_its_own_name_and_never_main(tmp_path: Path) -> None:
    application_file(tmp_path)
    code = (
        "from wallarood.loader import load_application; load_application('my_app.py');"
        "import sys; print(sys.modules['my_app'].Total.__module__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "my_app\n"


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        (GOOD, "{path}:nothing", "has no 'nothing'; it has w, make, app, other, Total"),
        (GOOD, "{path}:other", "other is of type int, expected what w.application"),
        ("app = lambda args: 7", "{path}", "returned is of type int, expected what w.application"),
        ("import nothing_like_this", "{path}", "my_app.py:1: ModuleNotFoundError"),
        ("x = (", "{path}", "SyntaxError"),
        ("def app(args):\n    return 1 / 0", "{path}", "my_app.py:2: ZeroDivisionError"),
        ("", "{path}.none.py", "it does not exist"),
        ("", "no_such_module_here:app", "no_such_module_here"),
        (
            "import sys\ndef app(args):\n    sys.exit(2)",
            "{path}",
            "it ended with status 2; does it take these arguments?",
        ),
    ],
)
def test_what_goes_wrong_is_named(tmp_path: Path, text: str, target: str, message: str) -> None:
    path = application_file(tmp_path, text)
    with pytest.raises(ApplicationError) as caught:
        load_application(target.format(path=path))
    assert message in caught.value.message


def test_arguments_for_an_application_that_takes_none(tmp_path: Path) -> None:
    with pytest.raises(ApplicationError, match="takes no arguments"):
        load_application(str(application_file(tmp_path)), ["x"])


def test_a_mistake_in_the_pipeline_names_its_line(tmp_path: Path) -> None:
    path = application_file(
        tmp_path, 'import wallarood as w\napp = w.application("x", w.source("a", w.ListSource([])))'
    )
    with pytest.raises(PipelineError, match=r"my_app\.py:2: .* has no sink"):
        load_application(str(path))


def test_a_neighbour_can_be_imported_when_a_function_is_called(tmp_path: Path) -> None:
    application_file(tmp_path, "PRICE = 3\n", "my_app_prices.py")
    late = GOOD + "def price():\n    from my_app_prices import PRICE\n    return PRICE\n"
    load_application(str(application_file(tmp_path, late)))
    assert sys.modules["my_app"].price() == 3


def test_a_module_that_cannot_be_loaded_leaves_the_path_as_it_was(tmp_path: Path) -> None:
    before = list(sys.path)
    with pytest.raises(ApplicationError):
        load_application(str(application_file(tmp_path, "1 / 0\n")))
    assert sys.path == before


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('sys.exit("no input today")', "app.py:3: it ended with: no input today"),
        ("sys.exit(3)", "it ended with status 3; does it take these arguments?"),
        ('app = w.source("n", w.GeneratorSource())', "app is a stream, not an application: end it"),
        (
            'app = w.source("n", w.GeneratorSource()).to_sink(w.StdoutSink())',
            "app is the end of a stream, as .to_sink(…) returns it, not an application: write",
        ),
        ("app = 3", "app is of type int, expected what w.application(…) returns"),
        ("def app(args): return 3", "what app(args) returned is of type int"),
    ],
)
def test_what_is_no_application_is_named_with_what_to_do(
    tmp_path: Path, line: str, said: str
) -> None:
    file = tmp_path / "app.py"
    file.write_text(f"import sys\nimport wallarood as w\n{line}\n")
    with pytest.raises(ApplicationError) as found:
        load_application(str(file), [])
    assert said in found.value.message


HIDING = """
import wallarood as w

app = w.application("hiding", w.source("in", w.GeneratorSource(count=3)).to_sink(w.StdoutSink()))
"""


def test_a_neighbour_does_not_hide_a_module_from_ours(tmp_path: Path) -> None:
    application_file(tmp_path, HIDING)
    application_file(tmp_path, 'raise RuntimeError("not the one that is meant")', "csv.py")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "wallarood", "check", "my_app.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "configuration OK\n"), done.stderr


SHOWS_WHAT_IS_IMPORTED = """
import sys
from wallarood.loader import load_application

load_application("my_app.py")
print(sorted(each for each in sys.modules if each.startswith("wallarood.devcluster")))
"""


@pytest.mark.parametrize(
    ("neighbour", "hides"),
    [
        ("csv.py", True),
        ("csv/__init__.py", True),
        ("csv.txt", False),
        ("csv.data.py", False),
        ("csv/table.txt", False),
        ("csv", False),
    ],
)
def test_only_modules_and_packages_beside_the_application_count(
    tmp_path: Path, neighbour: str, hides: bool
) -> None:
    """If one hides another, all of ours are imported before, which takes time."""
    application_file(tmp_path, HIDING)
    (tmp_path / neighbour).parent.mkdir(exist_ok=True)
    (tmp_path / neighbour).write_text("")
    done = subprocess.run(
        [sys.executable, "-P", "-c", SHOWS_WHAT_IS_IMPORTED],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (done.stdout.strip() != "[]") is hides
