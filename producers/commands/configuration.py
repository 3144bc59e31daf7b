"""What ``xinshi doctor`` asks of the settings: accounts, routes, templates, the file itself."""

import stat
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from producers.commands.checks import Check, error, ok, warning
from worker import vendors as adapters
from worker.contract.errors import SettingsError
from worker.contract.gateway import Role
from worker.contract.settings import Settings, Template
from worker.contract.status import Stream
from worker.store.sealing import Seal
from worker.vendors.base import Vendor


def check(settings: Settings) -> Iterator[Check]:
    """Check the settings as far as they can be checked without a connection."""
    yield ok("settings", str(settings.path or "no file: defaults and the environment"))
    if settings.path:
        yield from _file(settings.path)
    yield from _api_keys(settings)
    yield from _text_keys(settings)
    vendors: dict[str, Vendor] = {}
    for name, account in settings.vendors.items():
        try:
            vendors[name] = adapters.load(name, account)
        except SettingsError as problem:
            yield error(f"account {name}", str(problem), "set it in the file or the environment")
        else:
            yield ok(f"account {name}", f"{account.adapter}, credentials are set")
            if adapters.unprotected(vendors[name]):
                yield _unprotected(name)
    if not settings.vendors:
        yield warning(
            "accounts",
            "none: this machine can store messages, not deliver them",
            "fine for a web app; a worker needs [vendors.NAME]",
        )
        return
    for stream in Stream:
        yield _route(settings, stream)
    for name, template in settings.templates.items():
        yield from _template(settings, vendors, name, template)


def _file(path: Path) -> Iterator[Check]:
    try:
        mode = path.stat().st_mode
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return  # it was read a moment ago: replaced just now
    if mode & stat.S_IROTH and _holds_secrets(table):
        yield warning(
            "file mode", "everyone on this machine can read its secrets", f"chmod 600 {path}"
        )
    elif mode & (stat.S_IWOTH | stat.S_IWGRP):
        yield warning("file mode", "others may change where messages go", f"chmod go-w {path}")


def _api_keys(settings: Settings) -> Iterator[Check]:
    clear = [
        each.name
        for each in settings.gateway.api_keys.values()
        if each.key and each.role is Role.APP
    ]
    if clear:
        yield warning(
            "api keys",
            f"in clear in the settings: {', '.join(clear)}",
            "xinshi keys api prints a new key, and the key_hash to put there instead",
        )


def _text_keys(settings: Settings) -> Iterator[Check]:
    if not settings.privacy.text_keys:
        return
    try:
        Seal(settings.privacy.text_keys)
    except SettingsError as problem:
        yield error("text keys", str(problem), "wherever the keys are set")
    else:
        count = len(settings.privacy.text_keys)
        yield ok("text keys", f"texts are sealed; {count} can open them")


def _unprotected(name: str) -> Check:
    advice = f"set callback_token or callback_addresses in [vendors.{name}]"
    return warning(f"callback {name}", "anybody may call it back", advice)


def _holds_secrets(table: Mapping[str, object]) -> bool:
    accounts, gateway = table.get("vendors"), table.get("gateway")
    if isinstance(gateway, dict) and gateway.get("api_keys"):
        return True
    privacy = table.get("privacy")
    if isinstance(privacy, dict) and (privacy.get("number_key") or privacy.get("text_keys")):
        return True
    if any("@" in str(table.get(name, "")) for name in ("redis_url", "redis_urls")):
        return True
    webhooks = table.get("webhooks")
    if isinstance(webhooks, dict) and any("secret" in each for each in webhooks.values()):
        return True
    known = {"adapter", "base_url", "limits", "timeouts"}
    return isinstance(accounts, dict) and any(
        isinstance(account, dict) and account.keys() - known for account in accounts.values()
    )


def _route(settings: Settings, stream: Stream) -> Check:
    names = ", ".join(settings.route(stream))
    if stream in settings.routes:
        return ok(f"route {stream}", names)
    return warning(
        f"route {stream}",
        f"none is set: every account, in the file's order ({names})",
        f'set [routes] {stream} = ["..."]',
    )


def _template(
    settings: Settings, vendors: Mapping[str, Vendor], name: str, template: Template
) -> Iterator[Check]:
    routed = {account for stream in Stream for account in settings.route(stream)}
    lacking, broken = [], False
    for vendor in vendors.values():
        form = template.forms.get(vendor.name) or template.forms.get(vendor.adapter)
        if form is None:
            if vendor.templates_only and vendor.name in routed:
                lacking.append(vendor.name)
            continue
        try:
            key = f"templates.{name}.{vendor.name}"
            vendor.check_form(form, template.placeholders, key)
        except SettingsError as problem:
            broken = True
            yield error(f"template {name}", str(problem), "its messages cannot go there")
    if lacking:
        accounts = ", ".join(lacking)
        advice = f"add {lacking[0]} = {{ ... }} to [templates.{name}], or it goes by the others"
        yield warning(f"template {name}", f"has no form for {accounts}", advice)
    elif not broken:
        yield ok(f"template {name}", f"{len(template.placeholders)} parameters")
