"""``python -m wallarood.cli.ctl``."""

import sys

from wallarood.cli.ctl.command import main

sys.exit(main())
