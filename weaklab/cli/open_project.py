"""Opening a project for a command, and printing its warnings and the faults of its heuristics."""

from __future__ import annotations

import contextlib
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.cli.output import name_project, print_stderr
from weaklab.core.errors import FaultWarning
from weaklab.core.faults import broken_heuristics

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from weaklab.core.faults import Fault
    from weaklab.project.project import Project


@contextlib.contextmanager
def open_project(folder: Path, **options: Any) -> Iterator[Project]:
    """Open an existing project; warnings are printed to standard error, one line each.

    Faults are left to :func:`print_faults`.
    """
    from weaklab.project.project import Project
    from weaklab.project.stored_members import NO_CODE

    name_project(folder)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with Project(folder, **options) as project:
                yield project
        finally:
            shown = [w for w in caught if issubclass(w.category, UserWarning)]
            shown = [w for w in shown if not issubclass(w.category, FaultWarning) or NO_CODE in str(w.message)]
            for message in dict.fromkeys(str(w.message) for w in shown):
                print_stderr(f"warning: {message}")


def print_load_errors(project: Project) -> bool:
    """Print each file of labeling functions that failed to load; return whether there were any."""
    for message in project.load_errors:
        print_stderr(f"error: {message}")
    return bool(project.load_errors)


def print_faults(project: Project, faults: Iterable[Fault]) -> None:
    """Print each file of labeling functions that failed to load and each kind of fault to standard error."""
    print_load_errors(project)
    for fault in faults:
        print_stderr(f"fault: {fault}")


def is_broken(project: Project, faults: Sequence[Fault], records: int) -> bool:
    """Return whether a file failed to load, or a heuristic has faults on many records or voted for what is no label."""
    unknown = any(fault.exception == "UnknownLabelError" for fault in faults)
    return bool(project.load_errors) or unknown or bool(broken_heuristics(faults, records))
