"""Ahead: an act that is on its way while its caller goes on with something else."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import redis
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from worker.store.acts import Act
from worker.store.failures import store_error

T = TypeVar("T")


class Ahead(Generic[T]):
    """One act, sent; its answer is read by ``result``, once, or never after ``drop``.

    What could not be sent, or broke, is left to ``carry_out``, which does it from the beginning:
    like every act, it may be sent twice.
    """

    def __init__(
        self, client: "redis.Redis", act: Act[T], carry_out: Callable[[Act[T]], T], *, sends: bool
    ) -> None:
        """``sends``: False where there is more to it than one command."""
        self._act = act
        self._carry_out = carry_out
        self._pool = client.connection_pool
        self._connection: Any = None
        if sends:
            self._send()

    def _send(self) -> None:
        try:
            self._connection = self._pool.get_connection()
            self._connection.send_command("EVALSHA", self._act.script.digest, 0, *self._act.args)
        except (RedisError, OSError):
            self.drop()

    def result(self) -> T:
        """Return the act's answer; raise StoreError within the time-out."""
        if self._connection is None:
            return self._carry_out(self._act)
        try:
            answer = self._connection.read_response()
        except ResponseError:  # it does not know the script, or refused: asked again, it says why
            self._give_back()
            return self._carry_out(self._act)
        except RedisTimeoutError as error:
            self.drop()
            raise store_error(error) from error
        except (RedisError, OSError):
            self.drop()
            return self._carry_out(self._act)
        except BaseException:
            self.drop()
            raise
        self._give_back()
        return self._act.read(answer)

    def drop(self) -> None:
        """Forget it: whether it is carried out, nobody knows."""
        if self._connection is not None:
            self._connection.disconnect()
            self._give_back()

    def _give_back(self) -> None:
        self._pool.release(self._connection)
        self._connection = None
