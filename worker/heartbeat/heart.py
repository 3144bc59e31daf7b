"""Heart: a file that a process touches while it works, and what its age says."""

from pathlib import Path

from worker.contract.errors import SettingsError

EVERY = 5.0  # seconds between two beats
STALE = 60.0  # seconds without one after which a process counts as hung: machines may be slow


class Heart:
    """One process's file; raises SettingsError where it cannot be written at the start."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        try:
            self.beat()
        except OSError as error:
            rule = f"{path!r} cannot be written: {error.strerror}"
            raise SettingsError("worker.heartbeat", rule) from error

    def beat(self) -> None:
        """Touch the file; raises OSError."""
        self._path.touch()


def complaint(path: Path, now: float) -> str | None:
    """Return what is wrong with a heart, None if nothing; ``now`` in seconds since 1970."""
    try:
        age = now - path.stat().st_mtime
    except OSError as error:
        return f"no heartbeat at {path}: {error.strerror}"
    return f"the last heartbeat is {age:.0f} s old" if age > STALE else None
