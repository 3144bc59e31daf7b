"""The tasks, each a hint: run twice or not at all, none can lose or double a message."""

from worker import app as shell
from worker.contract.jobs import Task
from worker.contract.status import Stream
from worker.process import Process


def _process() -> Process:
    if shell.process is None:
        raise RuntimeError("this worker has no pump: start it as celery -A worker.app worker")
    return shell.process


@shell.app.task(name=Task.SUBMIT.value)
def submit(stream: str) -> int:
    """Pump one stream; returns how many messages were claimed."""
    return _process().submit(Stream(stream))


@shell.app.task(name=Task.RELEASE.value)
def release() -> int:
    """Move what is due to its ready list; returns how many."""
    return _process().release()


@shell.app.task(name=Task.SWEEP.value)
def sweep() -> int:
    """Look after lost attempts and lost rings; returns the lost attempts."""
    return _process().sweep()


@shell.app.task(name=Task.RESOLVE.value)
def resolve() -> int:
    """Look at unknown messages; returns how many."""
    return _process().resolve()


@shell.app.task(name=Task.PROBE.value)
def probe() -> int:
    """Ask accounts that are left alone whether they are well; returns how many are used again."""
    return _process().probe()


@shell.app.task(name=Task.POLL.value)
def poll() -> int:
    """Poll the vendors that want to be asked; returns how many pages had something."""
    return _process().poll()


@shell.app.task(name=Task.BALANCES.value)
def balances() -> int:
    """Ask for the balances that are due, look for old polls; returns how many balances came."""
    return _process().balances()


@shell.app.task(name=Task.INTAKE.value)
def intake() -> int:
    """Parse what stands in the spool; returns how many pages."""
    return _process().intake()


@shell.app.task(name=Task.SHARE.value)
def share() -> int:
    """Share the accounts with the other shards; returns how many are shared."""
    return _process().share()


@shell.app.task(name=Task.NOTIFY.value)
def notify() -> int:
    """See to it that webhooks are posted, in the background; returns how many endpoints began."""
    return _process().notify()
