"""A message's way to a vendor: the pump claims it, and what became of the attempt is settled."""
