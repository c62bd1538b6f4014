"""The command ``wallarood``, and ``python -m wallarood``."""
# `run` first executes itself again with a seed for `hash`: what is imported above counts twice.

import sys

from wallarood.daemon.hash_seed import fix_hash_seed


def main() -> int:
    """Run the command line; returns the exit code."""
    if sys.argv[1:2] == ["run"]:
        fix_hash_seed()
    from wallarood.cli.main import main as run  # noqa: PLC0415 - only after that

    return run()


if __name__ == "__main__":
    sys.exit(main())
