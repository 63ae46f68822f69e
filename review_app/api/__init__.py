"""The HTTP API for programs, version 1: documented, with one description of every call."""
