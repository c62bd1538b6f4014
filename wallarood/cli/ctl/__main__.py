"""``python -m wallarood.cli.ctl``."""

import sys

from wallarood.cli.ctl.command import main

if __name__ == "__main__":
    sys.exit(main())
