"""A progress bar on stderr, where that is a terminal; else nothing."""

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

Advance = Callable[[int, str], None]  # bytes read so far, a word on how it goes


def _size(file: BinaryIO) -> int | None:
    try:
        found = os.fstat(file.fileno())
    except (OSError, ValueError):
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


@contextmanager
def progress(file: BinaryIO) -> Iterator[Advance]:
    """Show how much of a file was read."""
    if not sys.stderr.isatty():
        yield lambda _read, _word: None
        return
    from rich import progress as bars  # noqa: PLC0415 - only a terminal pays for it
    from rich.console import Console  # noqa: PLC0415

    columns = (bars.BarColumn(), bars.TaskProgressColumn(), bars.TextColumn("{task.description}"))
    # Its stdout stays as it is: that is where the ids go.
    with bars.Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=False
    ) as bar:
        task = bar.add_task("", total=_size(file))
        yield lambda read, word: bar.update(task, completed=read, description=word)
