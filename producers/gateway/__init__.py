"""The HTTP gateway: the messages API, the vendors' callbacks, health and metrics.

A process of its own beside the workers: it stores and reads, and never calls a vendor.
"""

from producers.gateway.app import create_app
from producers.gateway.server import serve

__all__ = ["create_app", "serve"]
