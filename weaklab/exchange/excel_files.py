"""Reads Excel workbooks, with pandas and openpyxl."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import CorpusError, did_you_mean
from weaklab.corpus.source import Source
from weaklab.exchange.csv_layout import named_columns
from weaklab.exchange.file_options import FileOptions
from weaklab.exchange.formats import READERS, uses
from weaklab.exchange.python_values import column_of
from weaklab.exchange.schemas import check_same_columns, with_schema
from weaklab.exchange.text_streams import first_line

if TYPE_CHECKING:
    import pyarrow as pa

NO_OPENPYXL = "Excel workbooks are read with openpyxl; install it: pip install openpyxl"


@dataclass(frozen=True)
class Sheet:
    """The records of one sheet.

    Attributes
    ----------
    columns : name -> values, None where a cell is empty
    rows : number that Excel shows for each record
    empty : names of columns that have no name and hold nothing; they are not among ``columns``
    """

    columns: dict[str, list[Any]]
    rows: list[int]
    empty: tuple[str, ...]


@READERS.named(".xlsx")
@READERS.named(".xlsm")
@uses("sheet", "header", "names")
def read_excel(paths: Sequence[Path], options: FileOptions, source: Source) -> Iterator[pa.RecordBatch]:
    """Excel, one sheet of a workbook; needs openpyxl."""
    import pyarrow as pa

    schema = None
    for path in paths:
        sheet = read_sheet(path, options, (*source.text_columns, source.id_column))
        for name in sheet.empty:
            source.left_out[name] = f"{path}: it has no name and holds nothing"
        place = partial(_place, path, sheet.rows)
        columns = {
            name: source.attempt(name, partial(column_of, values, name, source, place))
            for name, values in sheet.columns.items()
        }
        table = pa.table({name: column for name, column in columns.items() if column is not None})
        schema = schema or table.schema
        check_same_columns(table.schema.names, schema.names, path, paths[0])
        for batch in table.to_batches():
            yield with_schema(batch, schema, str(path))


def _place(path: Path, rows: Sequence[int], record: int) -> str:
    return f"{path}, row {rows[record]}"


def read_sheet(path: Path, options: FileOptions, roles: tuple[str, ...] = ()) -> Sheet:
    """Read the only sheet of a workbook that holds something, or the one that is named.

    Raises
    ------
    CorpusError
        openpyxl is not installed, the file is no workbook, it is not clear which sheet is meant, a formula has no
        stored value, or a cell holds an error.
    """
    values = _cells(path, options.sheet)
    filled = [(number, row) for number, row in enumerate(values, 1) if any(cell is not None for cell in row)]
    if not filled:
        raise CorpusError(f"{path}: holds no record; wanted at least one")
    width = max(_width(row) for _, row in filled)
    rows = [[*row, *[None] * width][:width] for _, row in filled]
    shown = [["" if cell is None else str(cell) for cell in row] for row in rows[:100]]
    names, unnamed, header = named_columns(shown[0], shown[1:], path, options, roles)
    start = 1 if header else 0
    columns = {name: [row[i] for row in rows[start:]] for i, name in enumerate(names)}
    empty = tuple(names[i] for i in unnamed if all(value is None for value in columns[names[i]]))
    return Sheet(
        {name: column for name, column in columns.items() if name not in empty},
        [number for number, _ in filled[start:]],
        empty,
    )


def _width(row: list[Any]) -> int:
    return max(i for i, cell in enumerate(row, 1) if cell is not None)


def _cells(path: Path, sheet: str | None) -> list[list[Any]]:
    """Return the rows of a sheet as plain Python values."""
    try:
        import openpyxl  # noqa: F401 - pandas needs it, and its own message does not name weaklab's file
        import pandas as pd
    except ImportError:
        raise CorpusError(f"{path}: {NO_OPENPYXL}") from None
    try:
        with pd.ExcelFile(path, engine="openpyxl") as book:
            found = {str(name): _frame(book, name) for name in book.sheet_names if sheet in (None, name)}
            names = [str(name) for name in book.sheet_names]
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise CorpusError(
            f"{path}: is no Excel workbook that can be read: {first_line(error)}; save it again as .xlsx or CSV"
        ) from None
    if sheet is not None and sheet not in found:
        raise CorpusError(f"{path}: no sheet {sheet!r};{did_you_mean(sheet, names)} the sheets are {', '.join(names)}")
    filled = [name for name, rows in found.items() if any(cell is not None for row in rows for cell in row)]
    if len(filled) > 1:
        raise CorpusError(
            f"{path}: several sheets hold something ({', '.join(filled)}); say which: sheet={filled[0]!r} (--sheet "
            f"{filled[0]!r})"
        )
    name = filled[0] if filled else next(iter(found))
    _check_formulas(path, name, found[name])
    return found[name]


def _frame(book: Any, name: Any) -> list[list[Any]]:
    import pandas as pd

    # texts such as NA and None are texts, and only an empty cell is empty
    frame = pd.read_excel(book, sheet_name=name, header=None, dtype=object, keep_default_na=False, na_values=[""])
    return [[None if cell != cell else cell for cell in row] for row in frame.to_numpy().tolist()]


def _check_formulas(path: Path, name: str, rows: list[list[Any]]) -> None:
    """Refuse a formula whose value is not stored: the program that wrote the file did not compute it."""
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=False, data_only=False)
    try:
        for merged in book[name].merged_cells.ranges:
            if _at(rows, merged.min_row - 1, merged.min_col - 1) is not None:
                raise CorpusError(
                    f"{path}, cells {merged.coord}: are merged, and only the first of them holds the value; unmerge "
                    "them and fill in the value of each cell"
                )
        for cells in book[name].iter_rows():
            for cell in cells:
                if cell.data_type == "e":
                    raise CorpusError(
                        f"{path}, cell {cell.coordinate}: holds the error {cell.value}; put a value there, or empty "
                        "the cell"
                    )
                if cell.data_type == "f" and _at(rows, cell.row - 1, cell.column - 1) is None:
                    raise CorpusError(
                        f"{path}, cell {cell.coordinate}: holds a formula without a value; open the workbook in a "
                        "spreadsheet program and save it, so that its values are computed"
                    )
    finally:
        book.close()


def _at(rows: list[list[Any]], row: int, column: int) -> Any:
    return rows[row][column] if row < len(rows) and column < len(rows[row]) else None
