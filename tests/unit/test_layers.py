"""The shape of the code: rings, purity and size."""

import ast
import functools
import gc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "wallarood"

RINGS = {
    **dict.fromkeys(("model",), 0),
    **dict.fromkeys(("control", "planning", "flow", "wire", "app"), 1),
    **dict.fromkeys(("systemd", "disk"), 1.5),  # not pure, and known by all that are not
    **dict.fromkeys(("runtime", "net", "storage", "connectors"), 2),
}
EDGE = 3
"""Everything else: it may know everybody."""

IMPURE = {
    "trio", "socket", "os", "pathlib", "time", "random", "threading", "logging", "uuid",
    "structlog", "secrets", "subprocess", "asyncio",
}  # fmt: skip

FILE_LINES_MAX = 300
TEST_FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
MODULES_IN_FOLDER_MAX = 12
POSITIONAL_PARAMETERS_MAX = 3
PUBLIC_SWITCHES = {
    "blocking",
    "ordered",
    "in_order",
    "follow",
    "as_json",
    "located",
    "messages",
    "retain",
    "wall",
    "corrections",
}
"""Options of the API and of output that are switches by nature."""

UNTESTED = ROOT / "tests" / "unit" / "untested"
"""Modules that have no test of their name yet: the list may only shrink."""

MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


@pytest.fixture(scope="module", autouse=True)
def _no_garbage() -> Iterator[None]:
    """What is parsed is kept meanwhile: to look for garbage in it takes three times as long."""
    gc.disable()
    yield
    parsed.cache_clear()
    gc.enable()


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def area_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


def statements_of(path: Path) -> Iterator[ast.AST]:
    """Also those within others; expressions, of which there are many more, are not looked at."""
    waiting: list[ast.AST] = [parsed(path)]
    while waiting:
        yield (node := waiting.pop())
        for part in ("body", "orelse", "handlers", "finalbody", "cases"):
            waiting += getattr(node, part, ())


def imports_of(path: Path) -> Iterator[str]:
    for node in statements_of(path):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def functions_of(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in statements_of(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def is_name(node: ast.expr | None, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_imports_point_down_and_neighbours_do_not_know_each_other() -> None:
    wrong = []
    for path in MODULES:
        area = area_of(path)
        ring = RINGS.get(area, EDGE)
        for name in imports_of(path):
            parts = name.split(".")
            if parts[0] != "wallarood" or len(parts) == 1 or parts[1] == area:
                continue
            if RINGS.get(parts[1], EDGE) >= ring != EDGE:
                wrong.append(f"{shown(path)} imports {name}")
    assert wrong == []


def test_the_two_inner_rings_are_pure() -> None:
    inner = [path for path in MODULES if RINGS.get(area_of(path), EDGE) <= 1]
    impure = [
        f"{shown(path)} imports {name}"
        for path in inner
        for name in imports_of(path)
        if name.split(".")[0] in IMPURE
    ]
    assert impure == []


def test_the_two_inner_rings_ask_no_clock() -> None:
    """`datetime` is a type of values there; what time it is, is an argument."""
    asked = [
        f"{shown(path)}:{node.lineno}"
        for path in MODULES
        if RINGS.get(area_of(path), EDGE) <= 1
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute)
        and node.attr in ("now", "today", "utcnow")
        and isinstance(node.value, ast.Name)
        and node.value.id in ("datetime", "date")
    ]
    assert asked == []


def test_files_and_functions_are_short() -> None:
    """Each that is too long holds more than one idea: split it."""
    long = []
    for path in (*MODULES, *TESTS):
        lines_max = FILE_LINES_MAX if path.is_relative_to(PACKAGE) else TEST_FILE_LINES_MAX
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > lines_max:
            long.append(f"{shown(path)} has {lines} lines")
        for function in functions_of(path):
            length = (function.end_lineno or 0) - function.lineno + 1
            if length > FUNCTION_LINES_MAX:
                long.append(f"{shown(path)}: {function.name} has {length} lines")
    assert long == []


def test_folders_are_small() -> None:
    count = Counter(path.parent for path in MODULES if path.name != "__init__.py")
    full = {shown(path): number for path, number in count.items() if number > MODULES_IN_FOLDER_MAX}
    assert full == {}


def test_parameters_are_few_and_never_boolean() -> None:
    wrong = [
        f"{shown(path)}: {function.name}"
        for path in MODULES
        for function in functions_of(path)
        if not any(is_name(each, "overload") for each in function.decorator_list)
        and (has_many_parameters(function) or has_a_boolean_one(function))
    ]
    assert wrong == []


def has_many_parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    positional = [
        each.arg
        for each in (*function.args.posonlyargs, *function.args.args)
        if each.arg not in ("self", "cls")
    ]
    return len(positional) - len(function.args.defaults) > POSITIONAL_PARAMETERS_MAX


def has_a_boolean_one(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(
        is_name(each.annotation, "bool") and each.arg not in PUBLIC_SWITCHES
        for each in (*function.args.args, *function.args.kwonlyargs)
    )


def test_every_module_says_what_it_is() -> None:
    assert [shown(path) for path in MODULES if not ast.get_docstring(parsed(path))] == []


def is_of_server(path: Path, servers: set[str]) -> bool:
    area, name, *_ = (*path.relative_to(PACKAGE).parts, "")
    return area == "connectors" and name in servers


def test_every_module_has_a_test_of_its_name_in_the_same_place() -> None:
    """Values that decide nothing are on the list, too, until they decide something.

    What is right for connectors/NAME/ is decided by a server: they have tests/servers/test_NAME_….
    """
    servers = {path.name.split("_")[1] for path in ROOT.glob("tests/servers/test_*_*.py")}
    modules = {
        str(path.relative_to(PACKAGE).with_suffix(""))
        for path in MODULES
        if not path.name.startswith("__") and not is_of_server(path, servers)
    }
    tests = {
        str(path.relative_to(ROOT / "tests" / "unit").with_name(path.stem.removeprefix("test_")))
        for path in TESTS
        if path.is_relative_to(ROOT / "tests" / "unit")
    }
    lines = UNTESTED.read_text(encoding="utf-8").splitlines()
    listed = {line for line in lines if not line.startswith("#")}
    assert modules - tests - listed == set(), "write a test of this name"
    assert listed - (modules - tests) == set(), "take these lines away"
