"""Ids of messages: ULIDs in lower case, 26 characters that sort by the time they were made."""

import secrets
import time

from worker.contract.shards import ALPHABET

_PAIRS = [high + low for high in ALPHABET for low in ALPHABET]


def new_id() -> str:
    """Return an id that nobody else has: 48 bits of milliseconds, 80 of randomness."""
    value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return "".join([_PAIRS[value >> shift & 1023] for shift in range(120, -1, -10)])
