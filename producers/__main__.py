"""``python -m producers`` is the command ``xinshi``."""

import sys

from producers.cli import main

sys.exit(main())
