"""Sources: where the table of settings comes from, a file with the environment laid over it.

The environment is handed in: only worker.contract.settings reads it.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from worker.contract import shards, variables
from worker.contract.errors import SettingsError
from worker.contract.tables import mapping

REDIS_URL = "XINSHI_REDIS_URL"

_NAMED = {"XINSHI_VENDORS__": "vendors", "XINSHI_WEBHOOKS__": "webhooks"}
_PRIVACY = "XINSHI_PRIVACY__"


def table(path: Path | None, url: str | None, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return what a file says, if there is one, with what stands above it; raise SettingsError.

    ``url``: the server, whatever file and environment say.
    """
    found = _read(path) if path else {}
    _override_tables(found, environment)
    _override_servers(found, url, environment)
    if heartbeat := environment.get("XINSHI_HEARTBEAT"):
        mapping(found.setdefault("worker", {}), "worker")["heartbeat"] = heartbeat
    if (listen := environment.get("XINSHI_METRICS_LISTEN")) is not None:
        mapping(found.setdefault("metrics", {}), "metrics")["listen"] = listen
    return found


def find(path: str | Path | None, environment: Mapping[str, str]) -> Path | None:
    """Return the file that ``path``, XINSHI_CONFIG or the current folder name, or None.

    Raises SettingsError where one is named and not there.
    """
    if "XINSHI_CONFIG" + variables.FILE in environment:
        raise SettingsError("XINSHI_CONFIG_FILE", "unknown; XINSHI_CONFIG is the path itself")
    named = path or environment.get("XINSHI_CONFIG")
    if named:
        found = Path(named)
        if not found.is_file():
            raise SettingsError("XINSHI_CONFIG" if path is None else "config", f"no file {found}")
        return found
    here = Path("xinshi.toml")
    return here if here.is_file() else None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(str(path), f"not valid TOML: {error}") from error
    except OSError as error:
        raise SettingsError(str(path), f"cannot be read: {error.strerror}") from error


def _override_servers(
    table: dict[str, Any], url: str | None, environment: Mapping[str, str]
) -> None:
    """Let one server, or several, stand in the place of what the file names."""
    one = variables.value(environment, REDIS_URL)
    several = variables.value(environment, shards.VARIABLE)
    if one and several and not url:
        raise SettingsError(shards.VARIABLE, f"set this or {REDIS_URL}, not both")
    if url or one:
        table.pop(shards.URLS, None)
        table["redis_url"] = url or one
    elif several:
        table.pop("redis_url", None)
        table[shards.URLS] = shards.split(several)


def _override_tables(table: dict[str, Any], environment: Mapping[str, str]) -> None:
    """Put XINSHI_VENDORS__<NAME>__<KEY> and its like into the table, names in any case."""
    for prefix, section in _NAMED.items():
        for name, value in variables.beginning(environment, prefix):
            own, _, key = name.removeprefix(prefix).lower().partition("__")
            if not own or not key or "__" in key:
                raise SettingsError(name, f"must be {prefix}<NAME>__<KEY>")
            tables = mapping(table.setdefault(section, {}), section)
            known = {existing.replace("-", "_"): existing for existing in tables}
            found = tables.setdefault(known.get(own, own), {})
            mapping(found, f"{section}.{own}")[key] = value
    for name, value in variables.beginning(environment, _PRIVACY):
        key = name.removeprefix(_PRIVACY).lower()
        mapping(table.setdefault("privacy", {}), "privacy")[key] = value
