"""Extras: what a command needs beyond what a web app installs, imported only where it runs."""

from importlib import import_module
from typing import Any

from producers.commands.failure import Failure


def load(module: str, what: str, extra: str) -> Any:
    """Return a module that ``what`` needs; raise Failure naming the extra that brings it."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise Failure(f"{what} needs {error.name}: pip install 'xinshi[{extra}]'") from error
