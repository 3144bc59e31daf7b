"""``xinshi keys``: new secrets, as the settings want them, and what a new one is to seal anew."""

import secrets
from base64 import urlsafe_b64encode
from contextlib import closing
from dataclasses import asdict

import rich_click as click

from producers.commands.access import Access
from producers.commands.failure import BAD_INPUT, FAILED, WORKED, Failure
from producers.commands.output import json_option, put_columns, put_json
from producers.commands.pages import Command, Group
from worker.contract.gateway import hash_of
from worker.store.resealing import Resealed, Resealer
from worker.store.sealing import Seal

_BYTES = 32


@click.group(
    cls=Group,
    examples=("xinshi keys new", "xinshi keys rotate"),
    codes="0 it worked; 1 the operation failed; 2 bad usage",
)
def keys() -> None:
    """Make secrets for the settings, and seal texts by a new one."""


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


@keys.command(
    cls=Command, examples=("xinshi keys new", "xinshi keys new --json"), codes="0 printed"
)
@json_option
def new(as_json: bool) -> int:
    """Print a new key for text_keys in [privacy], which seals what messages and replies say.

    Workers and the gateway need it before anybody seals by it: see docs/privacy.md.
    """
    _put({"text_key": urlsafe_b64encode(secrets.token_bytes(_BYTES)).decode()}, as_json=as_json)
    return WORKED


@keys.command(
    cls=Command,
    examples=("xinshi keys rotate", "xinshi keys rotate --json"),
    codes="0 all is sealed by the newest key; 1 something is not yet, or Redis does not answer; "
    "2 there are no text_keys, or bad usage",
)
@json_option
@click.pass_obj
def rotate(access: Access, as_json: bool) -> int:
    """Seal by the newest of text_keys what is sealed by an older one, or not at all.

    Then the older ones can be taken out of the settings. It may run at any time, and again: what
    changes meanwhile stays as it is. Every record is read through: some seconds for a million, a
    minute where all of them are sealed anew.
    """
    settings = access.settings()
    seal = Seal(settings.privacy.text_keys)
    if not seal:
        raise Failure("there are no text_keys in [privacy]: xinshi keys new", BAD_INPUT)
    done = Resealed()
    with closing(access.shards(settings)) as shards:
        for store in shards.all:
            done += Resealer(store, seal).run()
    if as_json:
        put_json(asdict(done))
    else:
        _tell(done)
    return FAILED if done.waiting or done.unopened else WORKED


def _tell(done: Resealed) -> None:
    click.echo(
        f"sealed by the newest key: {done.messages} messages, {done.texts} shared texts, "
        f"{done.replies} replies, {done.pages} pages"
    )
    if done.waiting:
        click.echo(f"{done.waiting} pages wait to be parsed: run it again when they are")
    if done.unopened:
        click.echo(f"{done.unopened} stay as they are, as none of the keys opens them")


def _put(found: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        put_json(found)
    else:
        put_columns(list(found.items()))
