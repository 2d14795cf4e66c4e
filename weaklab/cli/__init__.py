"""The command line: a skin over :class:`weaklab.Project`."""

from weaklab.cli.app import main

__all__ = ["main"]
