"""Heuristics that installed packages offer by name."""

from typing import Any

from weaklab.core.registry import Registry

HEURISTICS: Registry[Any] = Registry("heuristic", group="weaklab.heuristics")
"""Labeling functions and other heuristics by name, from the entry points of installed packages."""
