"""What comes back from the vendors: delivery reports and inbound messages, polled or pushed."""
