"""``python -m wallarood``."""

import sys

from wallarood.cli.main import main

sys.exit(main())
