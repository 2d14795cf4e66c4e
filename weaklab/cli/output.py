"""Exit codes, and what commands print: lines, tables and errors."""

from __future__ import annotations

import re
import shlex
import sys
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.core.tables import clean

if TYPE_CHECKING:
    import pandas as pd

    from weaklab.core.tables import Table

OK, MISTAKE, USAGE, FAULTS, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes: success; an error, described on stderr; wrong usage; success, but with faults of labeling functions;
interrupted with Ctrl-C."""


_OPENED: ContextVar[Path | None] = ContextVar("opened", default=None)
_COMMAND = re.compile(r"(\bweaklab [a-z-]+) PROJECT\b")


def name_project(folder: Path) -> None:
    """From now on, commands in messages name this project where they say PROJECT."""
    _OPENED.set(folder)


def with_project(message: str) -> str:
    """Return a message whose commands name the project that was opened, so that they can be copied."""
    folder = _OPENED.get()
    return message if folder is None else _COMMAND.sub(lambda found: f"{found[1]} {shlex.quote(str(folder))}", message)


def print_line(message: str) -> None:
    """Print a line to standard output, cleaned of control characters."""
    print(clean(with_project(message), None))


def print_stderr(message: str) -> None:
    """Print a line to standard error, cleaned of control characters."""
    sys.stderr.write(clean(with_project(message), None) + "\n")


def print_table(table: Table) -> None:
    """Print a table that fits the terminal, or 80 columns if its width is not known."""
    table.notes = [with_project(note) for note in table.notes]
    print(table.fitted())


def as_csv(frame: pd.DataFrame, index: bool = False) -> str:
    """Return a frame as CSV, its texts cleaned of control characters."""

    def safe(cell: Any) -> Any:
        return clean(cell, None) if isinstance(cell, str) else cell

    return str(frame.map(safe).rename(index=safe).to_csv(index=index))


def without_faults(table: Table) -> Table:
    """Return the table without its notes on faults and files that failed to load, which are printed as errors."""
    table.notes = [note for note in table.notes if not note.startswith(("fault:", "not loaded:"))]
    return table


def fail(message: str) -> None:
    """Print an error and exit."""
    print_stderr(f"error: {message}")
    sys.exit(MISTAKE)
