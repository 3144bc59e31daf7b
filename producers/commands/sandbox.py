"""``xinshi sandbox``: the five vendors, played on this machine."""

import asyncio
import contextlib
import signal
from typing import Any

import rich_click as click

from producers.commands.access import Access
from producers.commands.extras import load
from producers.commands.failure import WORKED, deaf
from producers.commands.pages import Command

_PORTS = 65536


def _address(_: click.Context, __: click.Parameter, text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdecimal()) or int(port) >= _PORTS:
        raise click.BadParameter("must look like 127.0.0.1:9100")
    return host.strip("[]") or "127.0.0.1", int(port)


@click.command(
    cls=Command,
    examples=(
        "xinshi sandbox --callback http://127.0.0.1:8080",
        "xinshi sandbox --print-config > xinshi.toml",
    ),
    codes="0 ended by Ctrl-C; 1 it cannot listen there; 2 bad usage",
)
@click.option(
    "--listen",
    default="127.0.0.1:9100",
    show_default=True,
    metavar="HOST:PORT",
    callback=_address,
    help="Where it answers; port 0 takes a free one.",
)
@click.option(
    "--callback",
    metavar="URL",
    default="",
    help="Your gateway, http://127.0.0.1:8080: reports and replies are pushed there.",
)
@click.option(
    "--print-config", is_flag=True, help="Print a whole xinshi.toml that points at it, and end."
)
@click.pass_obj
def sandbox(access: Access, listen: tuple[str, int], callback: str, print_config: bool) -> int:
    """Play the five vendors on this machine.

    No text message leaves it. It accepts its own credentials, and those of the accounts in
    your settings. The last four digits of a number decide what becomes of a message: 0000 to
    8999 are delivered.
    """
    settings = access.settings()
    played = load("worker.sandbox", "the sandbox", "worker")
    host, port = listen
    if print_config:
        near = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - told apart
        near = f"[{near}]" if ":" in near else near
        text = played.example_config(f"http://{near}:{port}", settings.redis_url)
        click.echo(text, nl=False)
        return WORKED
    try:
        rules = played.Settings(callback=callback)
        asyncio.run(_serve(played, host, port, played.Sandbox(settings.vendors, settings=rules)))
    except OSError as error:
        raise deaf(host, port, error) from error
    return WORKED


async def _serve(played: Any, host: str, port: int, sandbox: Any) -> None:
    task = asyncio.current_task()
    assert task
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await played.serve(host, port, sandbox, ready=_welcome)


def _welcome(address: str) -> None:
    listen = address.removeprefix("http://")
    click.echo(
        f"The five vendors answer at {address} until Ctrl-C.\n"
        f"To see what the handsets got, open {address}/\n"
        "To use them: "
        f"xinshi sandbox --listen {listen} --print-config > xinshi.toml"
    )
