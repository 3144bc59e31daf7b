"""The look at a heart: ``python -m worker.heartbeat FILE``.

It ends with 0 while the process lives, else with 1 and a line that says why. Container platforms
ask every few seconds: it imports little and asks nobody.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from worker.heartbeat.heart import complaint


def main(args: Sequence[str]) -> int:
    """Look once; return the exit code: 0 alive, 1 not, 2 bad usage."""
    if len(args) != 1:
        sys.stderr.write("usage: python -m worker.heartbeat FILE\n")
        return 2
    found = complaint(Path(args[0]), time.time())
    if found:
        sys.stderr.write(f"{found}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
