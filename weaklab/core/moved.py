"""Old import paths: a module that has moved can be imported under its old name for one release, with a warning."""

from __future__ import annotations

import importlib
import sys
import types
import warnings
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.abc import Loader

MOVED = {
    "weaklab.analysis": ("weaklab.evaluation.analysis",),
    "weaklab.asks": ("weaklab.scheduling.asks",),
    "weaklab.audit": ("weaklab.evaluation.audit",),
    "weaklab.base": ("weaklab.core.errors", "weaklab.core.labels", "weaklab.core.faults", "weaklab.core.registry"),
    "weaklab.committee": ("weaklab.voting.committee",),
    "weaklab.compare": ("weaklab.evaluation.compare",),
    "weaklab.corpus.csv_files": ("weaklab.exchange.csv_files",),
    "weaklab.corpus.excel_files": ("weaklab.exchange.excel_files",),
    "weaklab.corpus.file_options": ("weaklab.exchange.file_options",),
    "weaklab.corpus.json_files": ("weaklab.exchange.json_files",),
    "weaklab.corpus.sources": ("weaklab.exchange", "weaklab.corpus.source", "weaklab.exchange.parquet_files"),
    "weaklab.engines": ("weaklab.batch",),
    "weaklab.engines.local": ("weaklab.voting.workers.tasks",),
    "weaklab.engines.spark": ("weaklab.batch.spark",),
    "weaklab.exchange.rows": ("weaklab.exchange.python_records",),
    "weaklab.explain": ("weaklab.training.explanations",),
    "weaklab.exports": (
        "weaklab.exchange.label_files",
        "weaklab.exchange.csv_writer",
        "weaklab.exchange.json_files",
        "weaklab.exchange",
    ),
    "weaklab.forecast": ("weaklab.evaluation.forecast",),
    "weaklab.frozen": ("weaklab.batch.frozen", "weaklab.batch.given_records"),
    "weaklab.label_models.votes": ("weaklab.label_models.counting",),
    "weaklab.loop": ("weaklab.simulation.loop", "weaklab.scheduling.views", "weaklab.training.background"),
    "weaklab.metrics": ("weaklab.core.metrics",),
    "weaklab.plots": ("weaklab.evaluation.plots",),
    "weaklab.reliability": ("weaklab.evaluation.reliability", "weaklab.core.thresholds"),
    "weaklab.scheduler": ("weaklab.scheduling.scheduler",),
    "weaklab.settings": ("weaklab.project.settings",),
    "weaklab.stream": ("weaklab.scheduling.stream",),
    "weaklab.synthesis": ("weaklab.scheduling.synthesis",),
    "weaklab.tables": ("weaklab.core.tables",),
}
"""Old module name -> the modules that contain its names now."""


MOVED_NAMES = {"weaklab.corpus.read": "weaklab.exchange", "weaklab.corpus.open_corpus": "weaklab.exchange"}
"""Old name of a function -> the module that holds it now."""


def old_name(module: str, name: str) -> Any:
    """Return what a module held under a name, with a warning; for the module's ``__getattr__``.

    Raises
    ------
    AttributeError
        The module never held it.
    """
    home = MOVED_NAMES.get(f"{module}.{name}")
    if home is None:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    message = f"{module}.{name} has moved to {home}.{name}; the old name goes with the next release"
    warnings.warn(message, DeprecationWarning, stacklevel=3)
    return getattr(importlib.import_module(home), name)


class _OldName(types.ModuleType):
    """A module under its old name; it looks up each attribute in the new modules."""

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("__"):
            for home in MOVED[self.__name__]:
                module = importlib.import_module(home)
                if hasattr(module, name):
                    return getattr(module, name)
        raise AttributeError(
            f"module {self.__name__!r} has no attribute {name!r}; it has moved to {', '.join(MOVED[self.__name__])}"
        )


class _Finder:
    # No subclass of MetaPathFinder and Loader: importlib.abc takes as long to load as all the rest of weaklab's import.

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        if fullname not in MOVED:
            return None
        return ModuleSpec(fullname, cast("Loader", self), is_package=fullname == "weaklab.engines")

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        return _OldName(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        now = " and ".join(MOVED[module.__name__])
        message = f"{module.__name__} has moved to {now}; the old name goes with the next release"
        warnings.warn(message, DeprecationWarning, stacklevel=2)


def install() -> None:
    """Install the import hook that finds modules under their old names."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
