"""The command line ``weaklab``; it calls :class:`weaklab.Project` and has no logic of its own."""

from weaklab.cli.app import main

__all__ = ["main"]
