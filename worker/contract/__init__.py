"""What producers and the worker agree on: standard library and msgspec only."""
