"""Writes the completions of both commands for bash and zsh: ``completions.py TREE DIRECTORY``.

TREE holds the package and shtab; DIRECTORY is where a package keeps its files (``/usr/share``).
"""

import sys
from pathlib import Path

TREE, DIRECTORY = sys.argv[1:]
sys.path.insert(0, TREE)

import shtab  # noqa: E402 - it is found in TREE

from wallarood.cli import main  # noqa: E402
from wallarood.cli.ctl import command  # noqa: E402

PLACES = {"bash": "bash-completion/completions/{}", "zsh": "zsh/vendor-completions/_{}"}

for name, parser in (("wallarood", main.parser()), ("wallarooctl", command.parser())):
    parser.prog = name
    for shell, place in PLACES.items():
        file = Path(DIRECTORY) / place.format(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(shtab.complete(parser, shell), encoding="utf-8")
