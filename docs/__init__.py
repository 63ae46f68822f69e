"""The documentation, and the program that writes what a machine can write of it."""
