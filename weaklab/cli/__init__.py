"""The command line ``weaklab``; it calls the library and has no logic of its own."""

from weaklab.cli.app import main

__all__ = ["main"]
