"""Lets ``python -m cli`` stand for ``spandocket``."""

from cli.main import main

main()
