"""The vendors' side, played on loopback from their documents. Nothing on the delivery path
imports it, and it imports nothing of worker but the contract."""

from worker.sandbox.accounts import CREDENTIALS
from worker.sandbox.app import create_app, serve
from worker.sandbox.config import example_config
from worker.sandbox.rules import Settings
from worker.sandbox.sandbox import Sandbox

__all__ = ["CREDENTIALS", "Sandbox", "Settings", "create_app", "example_config", "serve"]
