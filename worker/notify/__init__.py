"""Webhooks: what happens is posted to the endpoints of web apps, signed, until they take it."""
