"""Whose credentials the vendors accept, and what each account has there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from worker.contract.settings import Account
from worker.sandbox.mailboxes import Mailbox

#: Accepted always, so that a configuration can be written without asking; not secrets.
CREDENTIALS: Mapping[str, Mapping[str, str]] = {
    "tencent": {
        "secret_id": "sandbox-id",
        "secret_key": "sandbox-key",
        "account": "sandbox",
        "password": "sandbox-password",
        "extno": "10690",
    },
    "largesms": {"appcode": "sandbox-appcode"},
    "chuangxin": {"appcode": "sandbox-appcode"},
    "chuangrui": {
        "name": "sandbox",
        "pwd": "sandbox-pwd",
        "sign": "信使",
        "callback_name": "sandbox-callback",
        "callback_pwd": "sandbox-callback-pwd",
    },
    "zhenzi": {"app_id": "sandbox-app", "app_secret": "sandbox-secret"},
}

#: Which credential names the account.
LOGIN = {
    "tencent": "account",
    "largesms": "appcode",
    "chuangxin": "appcode",
    "chuangrui": "name",
    "zhenzi": "app_id",
}

#: Tencent's in 1/1000 yuan, the others' in messages.
BALANCES = {
    "tencent": 1_000_000_000,
    "largesms": 10_000_000,
    "chuangxin": 10_000_000,
    "chuangrui": 10_000_000,
    "zhenzi": 10_000_000,
}


@dataclass(slots=True)
class VendorAccount:
    """One account at one vendor."""

    name: str  #: ours: it stands in the address of a callback
    vendor: str
    credentials: Mapping[str, str] = field(repr=False)
    balance: int
    reports: Mailbox = field(default_factory=Mailbox, repr=False)
    inbound: Mailbox = field(default_factory=Mailbox, repr=False)

    def clear(self) -> None:
        self.balance = BALANCES[self.vendor]
        self.reports.clear()
        self.inbound.clear()


class Directory:
    """The accounts, found by what they log in with."""

    def __init__(self, accounts: Mapping[str, Account]) -> None:
        self._by_login: dict[tuple[str, str], VendorAccount] = {}
        self.secrets: dict[str, bytes] = {}  #: Tencent's gateway: key id -> key
        for vendor, credentials in CREDENTIALS.items():
            self._open(vendor, vendor, credentials)
        for name, account in accounts.items():
            if account.adapter in LOGIN:
                options = {key: str(value) for key, value in account.options.items()}
                self._open(name, account.adapter, options)

    def _open(self, name: str, vendor: str, credentials: Mapping[str, str]) -> None:
        login = credentials.get(LOGIN[vendor])
        if login:
            opened = VendorAccount(name, vendor, credentials, BALANCES[vendor])
            self._by_login[vendor, login] = opened
        if key_id := credentials.get("secret_id"):
            self.secrets[key_id] = credentials.get("secret_key", "").encode()

    def find(self, vendor: str, login: str) -> VendorAccount | None:
        return self._by_login.get((vendor, login))

    def named(self, name: str) -> VendorAccount | None:
        """Return the account of this name; a configured one before a built-in one."""
        found = None
        for account in self:
            if account.name == name:
                found = account
        return found

    def at(self, vendor: str) -> list[VendorAccount]:
        """Return the accounts at one vendor, the latest configured first."""
        return [account for account in self if account.vendor == vendor][::-1]

    def __iter__(self) -> Iterator[VendorAccount]:
        return iter(self._by_login.values())
