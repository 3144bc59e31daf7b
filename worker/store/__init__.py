"""All state: what may be done to it, and the clients that do it."""
