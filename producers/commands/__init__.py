"""What ``xinshi`` can do, a command a file. Importing one costs little: help must be quick."""
