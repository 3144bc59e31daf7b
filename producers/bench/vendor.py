"""The bench's side of an endpoint: what came there, and when."""

import http.client
import json
from typing import Any

_BEGIN, _END = 15, 90  # percent of the calls: between them no start and no tail is measured


class VendorEnd:
    """The bench's side of one endpoint process."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._port = port

    def _ask(self, path: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def answers(self) -> bool:
        try:
            self.counts()
        except OSError:
            return False
        return True

    def counts(self) -> dict[str, int]:
        """Return the messages ``taken`` so far, those ``doubled`` of them, and the ``calls``."""
        found: dict[str, int] = self._ask("/counts")
        return found

    def taken(self) -> int:
        return self.counts()["taken"]

    def arrivals(self) -> dict[str, float]:
        """Return when each number's message came, of those that are not only counted."""
        found: dict[str, float] = self._ask("/arrivals")
        return found

    def steady(self) -> tuple[float, float, float]:
        """Return begin and end of the steady part, and the part of all messages that it has."""
        times = self._ask("/times")
        return times[_BEGIN], times[_END], (_END - _BEGIN) / 100
