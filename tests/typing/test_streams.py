"""Applications under mypy --strict: the types that it finds, and the mistakes that it must see."""

import re
from pathlib import Path

import pytest
from mypy import api

APPLICATIONS = Path(__file__).parent / "applications"
SAID = re.compile(r"^(?P<file>[^:]+):(?P<line>\d+): (?P<kind>error|note): (?P<text>.*)$")
WANTED = re.compile(r"#\s*(?P<kind>type|error): (?P<text>.*)$")
MODULES = re.compile(r"\b(wallarood|builtins)(\.\w+)*\.(?=\w)")

"""On one process: mypy looks at all applications at once, and takes its time."""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], list[str]]:
    """What mypy says, by file and line; types without their modules."""
    cache = tmp_path_factory.mktemp("mypy")
    # Not the configuration of the project: what an author has who knows of none.
    out, err, _ = api.run(["--strict", "--config-file=", f"--cache-dir={cache}", str(APPLICATIONS)])
    assert not err
    found: dict[tuple[str, int], list[str]] = {}
    for line in out.splitlines():
        if match := SAID.match(line):
            text = match["text"]
            if text.startswith("Revealed type is "):
                text = "type: " + MODULES.sub("", text.split('"')[1])
            elif match["kind"] == "error":
                text = "error: " + text
            else:
                continue  # a hint below an error
            place = Path(match["file"]).name, int(match["line"])
            found.setdefault(place, []).append(text)
    return found


@pytest.mark.parametrize("path", sorted(APPLICATIONS.glob("*.py")), ids=lambda path: path.stem)
def test_mypy_says_what_each_line_announces_and_nothing_else(
    path: Path, said: dict[tuple[str, int], list[str]]
) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        found = said.get((path.name, number), [])
        wanted = WANTED.search(line)
        if wanted is None:
            assert not found, f"{path.name}:{number}: {line}"
        elif wanted["kind"] == "type":
            assert found == [f"type: {wanted['text']}"], f"{path.name}:{number}"
        else:
            assert len(found) == 1, f"{path.name}:{number}: {found}"
            assert found[0].startswith("error: "), f"{path.name}:{number}"
            assert wanted["text"] in found[0], f"{path.name}:{number}"
