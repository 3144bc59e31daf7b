"""Callbacks of vendors that sign nothing: they are told by what was agreed with the vendor.

``callback_token`` is a secret in the address given to the vendor (``.../report?token=...``);
``callback_addresses`` are the vendor's own, as addresses or networks parted by commas.
"""

import hmac
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from ipaddress import IPv6Address, ip_address, ip_network

from worker.contract.errors import SettingsError
from worker.contract.events import Raw
from worker.contract.settings import Account
from worker.vendors.base import Vendor

OPTIONS: dict[str, str | int | bool] = {"callback_token": "", "callback_addresses": ""}


class Pushed(Vendor):
    """A vendor that calls us. Its options hold ``callback_ack`` and OPTIONS."""

    def __init__(
        self, name: str, account: Account, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(name, account, clock)
        parts = self.option("callback_addresses").split(",")
        try:
            self._networks = [ip_network(part.strip()) for part in parts if part.strip()]
        except ValueError as error:
            raise SettingsError(
                f"vendors.{name}.callback_addresses",
                "must be IP addresses or networks, parted by commas",
            ) from error

    def acknowledge(self) -> str:
        return self.option("callback_ack")

    def agrees(self, raw: Raw, secrets: Iterable[tuple[str, str]] = ()) -> bool | None:
        """Return whether every agreed check passes; None where nothing was agreed.

        ``secrets`` are more pairs of what was agreed and what came; an empty agreement is none.
        """
        token = (self.option("callback_token"), raw.params.get("token", ""))
        checks = [_same(agreed, given) for agreed, given in (token, *secrets) if agreed]
        if self._networks:
            checks.append(self._knows(raw.address))
        return all(checks) if checks else None

    def _knows(self, address: str) -> bool:
        try:
            caller = ip_address(address)
        except ValueError:
            return False
        if isinstance(caller, IPv6Address):
            caller = caller.ipv4_mapped or caller
        return any(caller in network for network in self._networks)


def _same(agreed: str, given: str) -> bool:
    return hmac.compare_digest(agreed.encode(), given.encode(errors="replace"))
