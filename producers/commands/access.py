"""Access: where a command finds its settings and its store."""

from dataclasses import dataclass, field

from producers.client import Client
from worker.contract import settings
from worker.contract.settings import Durability, Settings
from worker.store.client import Store
from worker.store.shards import Shards


@dataclass(frozen=True, slots=True)
class Access:
    """The options that stand before the command's name. Nothing is opened until it is asked for."""

    config: str | None = None
    redis_url: str | None = field(default=None, repr=False)

    def settings(self) -> Settings:
        """Read the settings; raise SettingsError."""
        return settings.load(self.config, redis_url=self.redis_url)

    @staticmethod
    def client(found: Settings) -> Client:
        return Client(config=found)

    @staticmethod
    def store(found: Settings) -> Store:
        """Return the one server, or the first of several."""
        return Store(found.redis_url, timeout=found.store.timeout)

    @staticmethod
    def shards(found: Settings) -> Shards:
        """Return all servers."""
        return Shards(found, durability=Durability.MEMORY)
