"""Exit codes, and what commands print: lines, tables and errors."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from weaklab.core.tables import clean

if TYPE_CHECKING:
    import pandas as pd

    from weaklab.core.tables import Table

OK, MISTAKE, USAGE, FAULTS, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes: success; an error, described on stderr; wrong usage; success, but with faults of labeling functions;
interrupted with Ctrl-C."""


def print_line(message: str) -> None:
    """Print a line to standard output, cleaned of control characters."""
    print(clean(message, None))


def print_stderr(message: str) -> None:
    """Print a line to standard error, cleaned of control characters."""
    sys.stderr.write(clean(message, None) + "\n")


def print_table(table: Table) -> None:
    """Print a table that fits the terminal, or 80 columns if its width is not known."""
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
