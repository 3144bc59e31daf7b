"""Failure: how a command says on one line that it did not work, and with which exit code."""

import sys

import rich_click as click

WORKED, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


class Failure(click.ClickException):
    """Ends the command with ``xinshi: <message>`` on stderr."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


def deaf(host: str, port: int, error: OSError) -> Failure:
    """Return what a server says that cannot listen."""
    reason = error.strerror or type(error).__name__
    why = "the port is in use" if "in use" in reason else reason
    return Failure(f"cannot listen on {host}:{port}: {why}")


def complain(text: str) -> None:
    """Say on stderr, on one line, what went wrong."""
    # Not click.echo: a progress bar makes way for what is written to sys.stderr itself.
    sys.stderr.write(f"xinshi: {' '.join(text.split())}\n")
    sys.stderr.flush()
