"""``xinshi gateway``: the HTTP API for web apps, and where vendors call back."""

import asyncio
from importlib import import_module

import rich_click as click

from producers.commands.access import Access
from producers.commands.extras import load
from producers.commands.failure import WORKED, Failure, deaf
from producers.commands.pages import Command
from worker.contract.gateway import listen_address


def _address(_: click.Context, __: click.Parameter, text: str | None) -> tuple[str, int] | None:
    try:
        return listen_address(text) if text is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command(
    cls=Command,
    examples=(
        "xinshi gateway",
        "xinshi gateway --listen 0.0.0.0:8080",
    ),
    codes="0 ended by Ctrl-C or SIGTERM; 1 it cannot listen there; 2 bad usage or settings",
)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    callback=_address,
    help="Where it answers, instead of the settings' [gateway] listen; port 0 takes a free one.",
)
@click.pass_obj
def gateway(access: Access, listen: tuple[str, int] | None) -> int:
    """Serve the HTTP API and take in the vendors' callbacks.

    Its API describes itself at /openapi.json. Put a proxy that speaks TLS in front of it.
    """
    settings = access.settings()
    served = load("producers.gateway", "the gateway", "gateway")
    host, port = listen or settings.gateway.listen
    import_module("worker.telemetry.logs").configure()
    try:
        asyncio.run(served.serve(settings, listen=(host, port), ready=_welcome))
    except FileNotFoundError as error:
        raise Failure(f"a file of the gateway is missing: {error.filename}") from error
    except OSError as error:
        raise deaf(host, port, error) from error
    return WORKED


def _welcome(address: str) -> None:
    click.echo(f"The gateway answers at {address} until Ctrl-C; see {address}/openapi.json")
