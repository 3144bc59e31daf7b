"""``xinshi keys``: new secrets, as the settings want them. Nothing is stored."""

import secrets

import rich_click as click

from producers.commands.failure import WORKED
from producers.commands.output import json_option, put_columns, put_json
from producers.commands.pages import Command, Group
from worker.contract.gateway import hash_of

_BYTES = 32


@click.group(
    cls=Group,
    examples=("xinshi keys api", "xinshi keys number"),
    codes="0 printed; 2 bad usage",
)
def keys() -> None:
    """Make secrets for the settings."""


@keys.command(
    cls=Command, examples=("xinshi keys api", "xinshi keys api --json"), codes="0 printed"
)
@json_option
def api(as_json: bool) -> int:
    """Print a new API key for a web app, and the hash of it for [gateway.api_keys].

    The key is for the app alone; who reads the settings cannot call with the hash.
    """
    key = secrets.token_urlsafe(_BYTES)
    _put({"key": key, "key_hash": hash_of(key)}, as_json=as_json)
    return WORKED


@keys.command(
    cls=Command, examples=("xinshi keys number", "xinshi keys number --json"), codes="0 printed"
)
@json_option
def number(as_json: bool) -> int:
    """Print a new number_key for [privacy], which every process must have alike."""
    _put({"number_key": secrets.token_urlsafe(_BYTES)}, as_json=as_json)
    return WORKED


def _put(found: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        put_json(found)
    else:
        put_columns(list(found.items()))
