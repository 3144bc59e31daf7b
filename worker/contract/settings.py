"""Settings: xinshi.toml and the environment, read once and handed down.

The only module that reads the environment. ``XINSHI_CONFIG`` names the file, ``XINSHI_REDIS_URL``
overrides ``redis_url``, and ``XINSHI_VENDORS__<ACCOUNT>__<KEY>`` overrides one setting of an
account (secrets belong there). An unknown key is an error that names it.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from worker.contract.durations import Window, seconds
from worker.contract.errors import SettingsError
from worker.contract.status import Stream

_ACCOUNT = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_ENVIRONMENT = "XINSHI_VENDORS__"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an account allows; None means the adapter's default."""

    per_number: tuple[Window, ...] | None = None
    per_second: float | None = None
    concurrency: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    connect: float = 3.0  #: seconds to a connection
    total: float = 10.0  #: seconds for the whole call


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One set of credentials at one vendor."""

    adapter: str
    base_url: str = ""
    limits: Limits = field(default_factory=Limits)
    timeouts: Timeouts = field(default_factory=Timeouts)
    options: Mapping[str, str | int | bool] = field(default_factory=dict, repr=False)
    #: everything else in the table: credentials and what the adapter itself understands


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    validity: float  #: seconds after which a message is not submitted any more
    attempts: int  #: submits that may fail before the message is rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    text: str
    signature: str = ""
    forms: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: account or adapter name -> the template as that vendor knows it

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The names of its parameters, in order, each once."""
        return tuple(dict.fromkeys(_PLACEHOLDER.findall(self.text)))

    def render(self, params: Mapping[str, str]) -> str:
        return _PLACEHOLDER.sub(lambda found: params[found[1]], self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    timeout: float = 2.0  #: seconds a producer waits for Redis before StoreError
    retention: float = 7 * 86400.0  #: seconds a record outlives the message's validity
    idempotency: float = 86400.0  #: seconds an idempotency key is remembered
    reports: float = 72 * 3600.0  #: seconds a vendor's id is remembered for its report


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    in_flight: int = 512  #: submits one process keeps open at once
    batch: int = 128  #: messages one claim takes
    slice: float = 10.0  #: seconds a pump runs before it rings again
    grace: float = 10.0  #: seconds added to an attempt's time-out before it counts as lost
    reserve: int = 32  #: of in_flight, kept free for otp


_STREAMS = {
    Stream.OTP: StreamSettings(validity=300.0, attempts=3),
    Stream.NOTICE: StreamSettings(validity=86400.0, attempts=5),
    Stream.MARKETING: StreamSettings(validity=86400.0, attempts=3),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    redis_url: str = field(default="redis://127.0.0.1:6379/0", repr=False)
    vendors: Mapping[str, Account] = field(default_factory=dict)
    routes: Mapping[Stream, tuple[str, ...]] = field(default_factory=dict)
    streams: Mapping[Stream, StreamSettings] = field(default_factory=lambda: dict(_STREAMS))
    templates: Mapping[str, Template] = field(default_factory=dict)
    signature: str = ""  #: ``[defaults] signature``
    store: StoreSettings = field(default_factory=StoreSettings)
    worker: WorkerSettings = field(default_factory=WorkerSettings)
    gateway: Mapping[str, Any] = field(default_factory=dict, repr=False)
    path: Path | None = None  #: the file read, if there was one

    def route(self, stream: Stream) -> tuple[str, ...]:
        """Return the accounts of a stream, best first; without a route, every account."""
        return self.routes.get(stream) or tuple(self.vendors)


def load(
    path: str | Path | None = None,
    *,
    redis_url: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """Read the settings; raise SettingsError naming the key and the rule.

    ``path`` falls back to XINSHI_CONFIG, then to xinshi.toml in the current folder if it is there.
    """
    environment = os.environ if environment is None else environment  # noqa: TID251 - the one place
    found = _find(path, environment)
    table = _read(found) if found else {}
    _override(table, environment)
    if url := redis_url or environment.get("XINSHI_REDIS_URL"):
        table["redis_url"] = url
    return parse(table, found)


def redis_from_environment() -> str | None:
    """Return the server that XINSHI_REDIS_URL names, or None."""
    return os.environ.get("XINSHI_REDIS_URL")  # noqa: TID251 - the one place


def environment(**extra: str) -> dict[str, str]:
    """Return the environment for a child process, with something put into it."""
    return {**os.environ, **extra}  # noqa: TID251 - the one place


def _find(path: str | Path | None, environment: Mapping[str, str]) -> Path | None:
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


def _override(table: dict[str, Any], environment: Mapping[str, str]) -> None:
    """Put XINSHI_VENDORS__<ACCOUNT>__<KEY> into the table, names in any case."""
    for name, value in environment.items():
        if not name.startswith(_ENVIRONMENT):
            continue
        account, _, key = name.removeprefix(_ENVIRONMENT).lower().partition("__")
        if not account or not key or "__" in key:
            raise SettingsError(name, f"must be {_ENVIRONMENT}<ACCOUNT>__<KEY>")
        vendors = _table(table.setdefault("vendors", {}), "vendors")
        known = {existing.replace("-", "_"): existing for existing in vendors}
        _table(vendors.setdefault(known.get(account, account), {}), f"vendors.{account}")[key] = (
            value
        )


def parse(table: Mapping[str, Any], path: Path | None = None) -> Settings:
    """Check a whole table, as tomllib returns it; raise SettingsError."""
    top = _Reader(table, "")
    defaults = top.table("defaults")
    vendors = {
        _account_name(name): _account(_Reader(_table(value, f"vendors.{name}"), f"vendors.{name}"))
        for name, value in top.mapping("vendors").items()
    }
    settings = Settings(
        redis_url=_url(top.text("redis_url", "redis://127.0.0.1:6379/0"), "redis_url", _REDIS),
        vendors=vendors,
        routes=_routes(top.mapping("routes"), vendors),
        streams=_streams(top.mapping("streams")),
        templates={
            name: _template(_Reader(_table(value, f"templates.{name}"), f"templates.{name}"))
            for name, value in top.mapping("templates").items()
        },
        signature=signature(defaults.text("signature", ""), "defaults.signature"),
        store=_durations(top.table("store"), StoreSettings()),
        worker=_worker(top.table("worker")),
        gateway=_gateway(top.table("gateway")),
        path=path,
    )
    defaults.close()
    top.close()
    return settings


_REDIS = ("redis", "rediss", "unix")


class _Reader:
    """One TOML table: each key read once by its kind; what is left over is unknown."""

    def __init__(self, table: Mapping[str, Any], path: str) -> None:
        self._left = dict(table)
        self._path = path

    def key(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def pop(self, name: str) -> Any:
        return self._left.pop(name, None)

    def text(self, name: str, default: str) -> str:
        value = self.pop(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise SettingsError(self.key(name), "must be a string")
        return value

    def number(self, name: str, default: float | None) -> float | None:
        value = self.pop(name)
        if value is None:
            return default
        try:
            return seconds(float(value) if isinstance(value, str) else value)
        except ValueError as error:
            raise SettingsError(self.key(name), "must be a number above 0") from error

    def count(self, name: str, default: int | None, *, least: int = 1) -> int | None:
        value = self.pop(name)
        if value is None:
            return default
        if isinstance(value, str) and value.isdigit():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise SettingsError(self.key(name), f"must be a whole number, at least {least}")
        return value

    def duration(self, name: str, default: float) -> float:
        value = self.pop(name)
        if value is None:
            return default
        try:
            return seconds(value)
        except ValueError as error:
            raise SettingsError(self.key(name), str(error)) from error

    def mapping(self, name: str) -> Mapping[str, Any]:
        return _table(self._left.pop(name, {}), self.key(name))

    def table(self, name: str) -> "_Reader":
        return _Reader(self.mapping(name), self.key(name))

    def rest(self) -> dict[str, Any]:
        left, self._left = self._left, {}
        return left

    def close(self) -> None:
        for name in self._left:
            raise SettingsError(self.key(name), "unknown key")


def _table(value: object, key: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SettingsError(key, "must be a table")
    return value


def _account_name(name: str) -> str:
    if not _ACCOUNT.fullmatch(name):
        raise SettingsError(
            f"vendors.{name}", "an account's name is up to 32 of a-z, 0-9, _ and -, a letter first"
        )
    return name


def _account(table: _Reader) -> Account:
    adapter = table.text("adapter", "")
    if not adapter:
        raise SettingsError(table.key("adapter"), "missing: which vendor this account is at")
    base_url = table.text("base_url", "")
    if base_url:
        _url(base_url, table.key("base_url"), ("http", "https"))
    limits, timeouts = table.table("limits"), table.table("timeouts")
    account = Account(
        adapter=adapter,
        base_url=base_url,
        limits=Limits(
            per_number=_windows(limits),
            per_second=limits.number("per_second", None),
            concurrency=limits.count("concurrency", None),
        ),
        timeouts=_durations(timeouts, Timeouts()),
        options={key: _scalar(value, table.key(key)) for key, value in table.rest().items()},
    )
    limits.close()
    return account


def _windows(limits: _Reader) -> tuple[Window, ...] | None:
    value = limits.pop("per_number")
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise SettingsError(limits.key("per_number"), 'must be a list like ["1/60s", "15/day"]')
    try:
        return tuple(Window.parse(text) for text in value)
    except ValueError as error:
        raise SettingsError(limits.key("per_number"), str(error)) from error


def _scalar(value: object, key: str) -> str | int | bool:
    if not isinstance(value, str | int):
        raise SettingsError(key, "must be a string, a whole number or true/false")
    return value


def _routes(
    table: Mapping[str, Any], vendors: Mapping[str, Account]
) -> dict[Stream, tuple[str, ...]]:
    routes = {}
    for name, accounts in table.items():
        key = f"routes.{name}"
        if not isinstance(accounts, list) or not accounts:
            raise SettingsError(key, "must be a list of accounts, best first")
        for account in accounts:
            if account not in vendors:
                raise SettingsError(key, f"no account {account!r} under [vendors]")
        routes[_stream(name, key)] = tuple(accounts)
    return routes


def _stream(name: str, key: str) -> Stream:
    try:
        return Stream(name)
    except ValueError as error:
        raise SettingsError(key, f"unknown stream; there are {', '.join(Stream)}") from error


def _streams(table: Mapping[str, Any]) -> dict[Stream, StreamSettings]:
    streams = dict(_STREAMS)
    for name, value in table.items():
        key = f"streams.{name}"
        stream = _stream(name, key)
        reader, default = _Reader(_table(value, key), key), streams[stream]
        streams[stream] = StreamSettings(
            validity=reader.duration("validity", default.validity),
            attempts=reader.count("attempts", None) or default.attempts,
        )
        reader.close()
    return streams


def _template(table: _Reader) -> Template:
    text = table.text("text", "")
    if not text.strip():
        raise SettingsError(table.key("text"), "missing: the text with {placeholders}")
    brand = signature(table.text("signature", ""), table.key("signature"))
    forms = {name: _table(value, table.key(name)) for name, value in table.rest().items()}
    return Template(text=text, signature=brand, forms=forms)


def signature(text: str, key: str) -> str:
    """Return a signature without its brackets; raise SettingsError."""
    bare = text.strip().removeprefix("【").removesuffix("】")
    if "【" in bare or "】" in bare:
        raise SettingsError(key, "a signature is the brand alone, without 【】 inside")
    return bare


def _durations(table: _Reader, defaults: Any) -> Any:
    names = defaults.__dataclass_fields__
    values = {name: table.duration(name, getattr(defaults, name)) for name in names}
    table.close()
    return type(defaults)(**values)


def _worker(table: _Reader) -> WorkerSettings:
    base = WorkerSettings()
    found = WorkerSettings(
        in_flight=table.count("in_flight", None) or base.in_flight,
        batch=table.count("batch", None) or base.batch,
        slice=table.duration("slice", base.slice),
        grace=table.duration("grace", base.grace),
        reserve=table.count("reserve", base.reserve, least=0) or 0,
    )
    if found.reserve >= found.in_flight:
        raise SettingsError(table.key("reserve"), "must be less than worker.in_flight")
    table.close()
    return found


def _gateway(table: _Reader) -> dict[str, Any]:
    keys = {"listen": table.text("listen", "127.0.0.1:8080"), "api_keys": table.mapping("api_keys")}
    table.close()
    return keys


def _url(url: str, key: str, schemes: tuple[str, ...]) -> str:
    scheme, separator, rest = url.partition("://")
    if scheme not in schemes or not separator or not rest:
        raise SettingsError(key, f"must be an address that begins with {', '.join(schemes)}://")
    return url
