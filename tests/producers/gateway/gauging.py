"""A gateway's gauges on real servers, and what a test puts there."""

import time
from typing import Any

from producers.gateway.gauges import Gauges
from worker import vendors
from worker.contract.settings import Settings
from worker.store.shards import AsyncShards

SECRET = "whsec_c2V0IG1lOiAyNCB0byA2NCByYW5kb20gYnl0ZXM="
TABLE: dict[str, Any] = {
    "vendors": {
        "zhenzi": {"adapter": "zhenzi", "app_id": "1", "app_secret": "2"},
        "tencent": {
            "adapter": "tencent",
            "base_url": "https://example.com/release",
            "secret_id": "1",
            "secret_key": "2",
            "account": "3",
            "password": "4",
        },
    },
    "defaults": {"signature": "信使"},
    "webhooks": {"app": {"url": "https://app.example.com/", "secret": SECRET}},
}

Found = dict[tuple[str, ...], float]  #: samples by their names and their labels' values


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Place:
    """Gauges on a real server, and hands to put things there."""

    def __init__(self, settings: Settings, shards: AsyncShards) -> None:
        self.clock = Clock()
        self.gauges = Gauges(settings, vendors.load_all(settings), shards, clock=self.clock)
        self.settings = settings

    async def read(self) -> Found:
        """Every sample by its name and its labels' values, a second later than the last time."""
        self.clock.now += 1.0
        return await self.again()

    async def again(self) -> Found:
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in await self.gauges.read()
            for sample in family.samples
        }


def ms(ago: float = 0.0) -> int:
    return int((time.time() - ago) * 1000)
