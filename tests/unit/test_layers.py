"""The shape of the code: rings, purity and size."""

import ast
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

FILE_LINES_MAX = 400
TEST_FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
MODULES_IN_FOLDER_MAX = 14
POSITIONAL_PARAMETERS_MAX = 3

MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def area_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def functions_of(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_imports_point_down_and_neighbours_do_not_know_each_other(path: Path) -> None:
    area = area_of(path)
    ring = RINGS.get(area, EDGE)
    for name in imports_of(path):
        parts = name.split(".")
        if parts[0] != "wallarood" or len(parts) == 1 or parts[1] == area:
            continue
        other = RINGS.get(parts[1], EDGE)
        assert other < ring or ring == EDGE, f"{shown(path)} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_the_two_inner_rings_are_pure(path: Path) -> None:
    if RINGS.get(area_of(path), EDGE) <= 1:
        impure = {name.split(".")[0] for name in imports_of(path)} & IMPURE
        assert not impure, f"{shown(path)} imports {impure}"


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_the_two_inner_rings_ask_no_clock(path: Path) -> None:
    """`datetime` is a type of values there; what time it is, is an argument."""
    if RINGS.get(area_of(path), EDGE) <= 1:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in ("now", "today", "utcnow"):
                asked = node.value.id if isinstance(node.value, ast.Name) else ""
                assert asked not in ("datetime", "date"), f"{shown(path)}:{node.lineno}"


@pytest.mark.parametrize("path", [*MODULES, *TESTS], ids=shown)
def test_files_and_functions_are_short(path: Path) -> None:
    most = FILE_LINES_MAX if path in MODULES else TEST_FILE_LINES_MAX
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= most, f"{shown(path)} has {lines} lines: the idea has split"
    for function in functions_of(path):
        length = (function.end_lineno or 0) - function.lineno + 1
        assert length <= FUNCTION_LINES_MAX, f"{shown(path)}: {function.name} has {length} lines"


@pytest.mark.parametrize("folder", sorted({path.parent for path in MODULES}), ids=shown)
def test_folders_are_small(folder: Path) -> None:
    modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
    assert len(modules) <= MODULES_IN_FOLDER_MAX, f"{shown(folder)} has {len(modules)} modules"


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_parameters_are_few_and_never_boolean(path: Path) -> None:
    for function in functions_of(path):
        positional = [
            each.arg
            for each in (*function.args.posonlyargs, *function.args.args)
            if each.arg not in ("self", "cls")
        ]
        overloads = [ast.unparse(each) for each in function.decorator_list]
        if "overload" in overloads:
            continue
        defaults = len(function.args.defaults)
        needed = len(positional) - defaults
        assert needed <= POSITIONAL_PARAMETERS_MAX, f"{shown(path)}: {function.name}"
        for each in (*function.args.args, *function.args.kwonlyargs):
            kind = ast.unparse(each.annotation) if each.annotation is not None else ""
            public_options = {"blocking", "ordered", "follow", "as_json", "located", "wall"}
            public_options.add("in_order")
            public_options.add("corrections")
            assert kind != "bool" or each.arg in public_options, f"{shown(path)}: {function.name}"


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), shown(path)
