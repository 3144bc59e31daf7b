"""What a figure is worth nothing without: on which machine it was measured."""

import os
import platform
import subprocess
from importlib.metadata import version

from producers.bench import proc
from worker.store.embedded import binary


def facts() -> dict[str, object]:
    """Return what stands on top of every run."""
    return {
        "cores": proc.cores(),
        "processor": _processor(),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "redis": _server(),
        "aiohttp": version("aiohttp"),
        "celery": version("celery"),
        "load": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as told:  # noqa: PTH123 - read line by line
            names = (line.partition(":")[2].strip() for line in told if "model name" in line)
            return next(names, platform.machine())
    except OSError:
        return platform.machine()


def _server() -> str:
    """Return the name and the version of the server that a rig starts."""
    told = subprocess.run(  # noqa: S603 - our own server
        [binary(), "--version"], capture_output=True, text=True, check=True
    ).stdout.split()
    number = next((word[2:] for word in told if word.startswith("v=")), "?")
    return f"{told[0]} {number}" if told else "?"
