"""The command ``xinshi``: its options, and how whatever happens ends as one line and a code."""

import contextlib
import io
import os
import sys
import traceback
from collections.abc import Sequence

import rich_click as click

from producers.commands.access import Access
from producers.commands.balances import balances
from producers.commands.bench import bench
from producers.commands.dead import dead
from producers.commands.demo import demo
from producers.commands.doctor import doctor
from producers.commands.events import events
from producers.commands.explain import explain
from producers.commands.failure import BAD_INPUT, FAILED, INTERRUPTED, WORKED, Failure, complain
from producers.commands.forget import forget
from producers.commands.gateway import gateway
from producers.commands.inbound import inbound
from producers.commands.keys import keys
from producers.commands.messages import cancel, status
from producers.commands.pages import Group
from producers.commands.sandbox import sandbox
from producers.commands.send import send
from producers.commands.shards import shards
from producers.commands.spool import spool
from producers.commands.suppression import suppression
from producers.commands.vendors import vendors
from producers.commands.webhooks import webhooks
from worker import __version__
from worker.contract.errors import MessageError, SettingsError, XinshiError

_CLOSED = "the output was closed before all of it was written"
_BEFORE = ("--config", "--redis-url", "--version")


class _Group(Group):
    def invoke(self, ctx: click.Context) -> int:
        """Run the command; click would turn these two into blank lines and codes of its own."""
        try:
            return int(super().invoke(ctx) or WORKED)
        except KeyboardInterrupt:
            raise Failure("interrupted", INTERRUPTED) from None
        except BrokenPipeError:
            raise Failure(_CLOSED) from None


@click.group(
    cls=_Group,
    examples=(
        'xinshi send 13800138000 --text "您的包裹已到" --signature 信使',
        "xinshi doctor",
    ),
    codes="0 it worked; 1 the operation failed; 2 bad usage or bad input; 130 interrupted; "
    "an error is one line on stderr",
)
@click.option(
    "--config",
    metavar="FILE",
    help="The settings; else $XINSHI_CONFIG, else xinshi.toml in this folder.",
)
@click.option("--redis-url", metavar="URL", help="Instead of the settings' and $XINSHI_REDIS_URL.")
@click.option("--traceback", is_flag=True, hidden=True, expose_value=False)
@click.version_option(__version__, prog_name="xinshi", message="%(prog)s %(version)s")
@click.pass_context
def command(context: click.Context, config: str | None, redis_url: str | None) -> None:
    """Xinshi 信使 sends text messages in China: stored now, delivered in the background."""
    context.obj = Access(config, redis_url)


_COMMANDS = (
    *(send, status, explain, cancel, dead, events, inbound, suppression, vendors, balances),
    *(forget, keys, doctor, shards, spool, webhooks, gateway, sandbox, demo, bench),
)
for each in _COMMANDS:
    command.add_command(each)


def main() -> int:
    """Run the command line of this process; return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks 信 shall not stop us
            stream.reconfigure(errors="backslashreplace")
    return run(sys.argv[1:])


def run(args: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        code = command.main(list(args), prog_name="xinshi", standalone_mode=False)
        sys.stdout.flush()
    except SystemExit as end:  # help, because nothing was asked for
        return end.code if isinstance(end.code, int) else FAILED
    except Exception as error:  # noqa: BLE001 - the outermost boundary: no traceback for users
        if "--traceback" in args:
            traceback.print_exc()
        return _end(error)
    return int(code or WORKED)


def _end(error: Exception) -> int:
    line, code = _verdict(error)
    with contextlib.suppress(OSError):
        complain(line)
    with contextlib.suppress(OSError, io.UnsupportedOperation):
        try:
            sys.stdout.flush()
        except BrokenPipeError:  # or the interpreter would complain about it as it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _verdict(error: Exception) -> tuple[str, int]:
    """Return what to say of an error, and the exit code."""
    if isinstance(error, click.UsageError):
        return _usage(error), BAD_INPUT
    if isinstance(error, Failure):
        return error.message, error.code
    if isinstance(error, XinshiError):
        wrong = isinstance(error, MessageError | SettingsError)
        return str(error), BAD_INPUT if wrong else FAILED
    if isinstance(error, BrokenPipeError):
        return _CLOSED, FAILED
    # Its text may hold anything, a number or a password: only its type is told.
    name = type(error).__name__
    return f"unexpected {name}; xinshi --traceback ... shows where", FAILED


def _usage(error: click.UsageError) -> str:
    text = error.format_message().rstrip(".")
    if isinstance(error, click.NoSuchOption) and error.option_name in _BEFORE:
        return f"{error.option_name} goes before the command: xinshi {error.option_name} ..."
    path = error.ctx.command_path if error.ctx else "xinshi"
    return f"{text} (see {path} --help)"
