"""Failure: how a command says on one line that it did not work, and with which exit code."""

import sys

import rich_click as click

WORKED, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


class Failure(click.ClickException):
    """Ends the command with ``xinshi: <message>`` on stderr."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


def complain(text: str) -> None:
    """Say on stderr, on one line, what went wrong."""
    # Not click.echo: a progress bar makes way for what is written to sys.stderr itself.
    sys.stderr.write(f"xinshi: {' '.join(text.split())}\n")
    sys.stderr.flush()
