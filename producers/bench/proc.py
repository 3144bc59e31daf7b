"""What /proc tells of processes and of the machine; NaN where it does not."""

import math
import os
from pathlib import Path

_IDLE = (4, 5)  # fields of a line of /proc/stat: idle, and idle while a disk is busy
_COUNTED = 9  # fields up to steal; what guests use is in user already


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:  # it ended just now
            continue
        for child in children:
            found += family(int(child))
    return found


def spent(pid: int) -> tuple[float, float]:
    """Return CPU seconds and resident bytes of a process; NaN where /proc does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return math.nan, math.nan
    cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return cpu, float(int(fields[21]) * os.sysconf("SC_PAGE_SIZE"))


def descriptors(pid: int) -> float:
    """Return how many files and sockets a process has open."""
    try:
        return float(len(os.listdir(f"/proc/{pid}/fd")))  # noqa: PTH208 - names, not paths
    except OSError:
        return math.nan


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def busy() -> float:
    """Return the seconds that the cores which we may use were busy, whoever used them."""
    try:
        lines = Path("/proc/stat").read_text().splitlines()
    except OSError:
        return math.nan
    ours = {f"cpu{core}" for core in os.sched_getaffinity(0)}
    told = (fields for line in lines if (fields := line.split()) and fields[0] in ours)
    return sum(_worked(fields) for fields in told) / os.sysconf("SC_CLK_TCK")


def _worked(fields: list[str]) -> int:
    return sum(int(fields[place]) for place in range(1, _COUNTED) if place not in _IDLE)
