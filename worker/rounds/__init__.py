"""What beat's ticks start: looking after accounts, waits and lost answers, round by round."""
