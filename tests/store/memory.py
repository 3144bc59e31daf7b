"""A store in memory for what needs no script: the spool and the inbox."""

from typing import Any

import fakeredis
from redis.exceptions import RedisError

from worker.contract.errors import StoreError


class Memory:
    """Stands where AsyncStore would; ``away`` makes it fail as one does without a server."""

    def __init__(self) -> None:
        self.redis: Any = fakeredis.FakeAsyncRedis()
        self.away = 0  #: commands that fail before the next one works
        self.said: list[tuple[Any, ...]] = []

    async def command(self, *words: str | bytes | int) -> Any:
        self.said.append(words)
        if self.away:
            self.away -= 1
            raise StoreError("Redis cannot be reached; is it running at redis_url?")
        try:
            return await self.redis.execute_command(*words)
        except RedisError as error:
            raise StoreError(f"Redis refused: {error}") from error
