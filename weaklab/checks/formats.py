"""Checks of file readers and file writers."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.checks.expectations import CheckList, expect
from weaklab.checks.samples import ODD_TEXTS
from weaklab.core.errors import WeaklabError
from weaklab.corpus import Corpus
from weaklab.corpus.source import Source
from weaklab.exchange.file_options import FileOptions
from weaklab.exchange.files import read_with

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from weaklab.exchange import Reader, Writer

reader_check = CheckList()
writer_check = CheckList()

NO_FILE = b"\x00\xff\xfe\x01 is no file of any format \x00" * 40


def check_reader(reader: Reader, sample: str | Path) -> None:
    r"""Run all checks of file readers.

    Parameters
    ----------
    reader : function ``(paths, options, source)`` that yields Arrow record batches or tables
    sample : path of a file of the format, with one record or more

    Raises
    ------
    AssertionError
        A check failed; the message says what was expected and what came.

    Examples
    --------
    >>> from weaklab.exchange import READERS
    >>> _ = Path("sample.csv").write_text("id,text\n1,win a prize\n2,lunch at noon\n")
    >>> check_reader(READERS[".csv"], "sample.csv")
    """
    reader_check.run(reader, Path(sample))


def check_writer(writer: Writer, suffix: str, reader: Reader | None = None) -> None:
    """Run all checks of file writers.

    Parameters
    ----------
    writer : function ``(table, path)``
    suffix : of the files that it writes, such as ``".csv"``
    reader : function that reads them; what is read back is compared with what was written

    Raises
    ------
    AssertionError
        A check failed; the message says what was expected and what came.

    Examples
    --------
    >>> from weaklab.exchange import READERS, WRITERS
    >>> check_writer(WRITERS[".parquet"], ".parquet", READERS[".parquet"])
    """
    writer_check.run(writer, suffix, reader)


def _corpus(reader: Reader, paths: Sequence[Path]) -> Corpus:
    return Corpus(Source(str(paths[0]), read_with(reader, paths, FileOptions()), paths=tuple(paths)), text=[])


def _rows(reader: Reader, paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Return the records without ids that are made from the content."""
    batches = list(Source(str(paths[0]), read_with(reader, paths, FileOptions()), paths=tuple(paths)))
    return [row for batch in batches for row in batch.to_pylist()]


@reader_check
def check_records_are_read(reader: Reader, sample: Path) -> None:
    """A file gives records that make a corpus, all of the same columns."""
    try:
        found = len(_corpus(reader, [sample]))
        columns = {tuple(batch.schema.names) for batch in _corpus(reader, [sample]).batches()}
    except WeaklabError as error:
        raise AssertionError(f"expected records that make a corpus, got: {error}") from error
    expect(found > 0, "expected one record or more, got none")
    expect(len(columns) == 1, f"expected the same columns in all batches, got {sorted(columns)}")


@reader_check
def check_reading_is_repeatable(reader: Reader, sample: Path) -> None:
    """Reading the same files again gives the same records in the same order."""
    first, second = _rows(reader, [sample]), _rows(reader, [sample])
    expect(repr(first) == repr(second), f"expected the same records again, got {second[:2]} after {first[:2]}")


@reader_check
def check_several_files_are_read_in_order(reader: Reader, sample: Path) -> None:
    """Several files are one table: the records of the first file, then those of the second."""
    one, two = _rows(reader, [sample]), _rows(reader, [sample, sample])
    expect(len(two) == 2 * len(one), f"expected {2 * len(one)} records of the same file twice, got {len(two)}")
    expect(repr(two) == repr(one + one), "expected the records of the first file and then those of the second")


@reader_check
def check_broken_file_is_named(reader: Reader, sample: Path) -> None:
    """A file of another format is read, or refused with a message that names it; any other error is a fault."""
    with tempfile.TemporaryDirectory() as folder:
        broken = Path(folder) / f"broken{sample.suffix}"
        broken.write_bytes(NO_FILE)
        try:
            _rows(reader, [broken])
        except WeaklabError as error:
            expect(broken.name in str(error), f"expected a message that names {broken.name}, got {str(error)!r}")
        except Exception as error:
            raise AssertionError(f"a broken file: expected CorpusError, got {type(error).__name__}: {error}") from error


def _table() -> pa.Table:
    import pyarrow as pa

    texts = [text.replace("\x00", "") for text in ODD_TEXTS if text.strip()]
    numbers = [None if i == 1 else i + 0.5 for i in range(len(texts))]
    return pa.table(
        {
            "id": [str(i) for i in range(len(texts))],
            "label": ["spam", *[None] * (len(texts) - 1)],
            "confidence": pa.array(numbers, pa.float64()),
            "manual": [i % 2 == 0 for i in range(len(texts))],
            "text": texts,
        }
    )


@writer_check
def check_table_is_written(writer: Writer, suffix: str, reader: Reader | None = None) -> None:
    """Texts of any kind, numbers, truth values and missing values are written, to the named file alone."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"labels{suffix}"
        writer(_table(), path)
        found = sorted(each.name for each in Path(folder).iterdir())
        expect(found == [path.name], f"expected one file, {path.name}, got {found}")
        expect(path.stat().st_size, "expected a file that is not empty, got 0 bytes")


@writer_check
def check_written_table_reads_back(writer: Writer, suffix: str, reader: Reader | None = None) -> None:
    """Ids and texts are the same after writing and reading."""
    if reader is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"labels{suffix}"
        table = _table()
        writer(table, path)
        found = _rows(reader, [path])
    for name in ("id", "text"):
        expected, got = table.column(name).to_pylist(), [str(row.get(name)) for row in found]
        expect(got == expected, f"column {name!r}: expected {expected[:3]} and so on, read {got[:3]}")


@writer_check
def check_columns_that_do_not_fit_are_named(writer: Writer, suffix: str, reader: Reader | None = None) -> None:
    """A column of lists is written, or refused with a message that names it; any other error is a fault."""
    import pyarrow as pa

    with tempfile.TemporaryDirectory() as folder:
        try:
            writer(pa.table({"id": ["1"], "lists": [[{"a": 1}]]}), Path(folder) / f"labels{suffix}")
        except WeaklabError as error:
            expect("lists" in str(error), f"expected a message that names the column 'lists', got {str(error)!r}")
        except Exception as error:
            found = f"{type(error).__name__}: {error}"
            raise AssertionError(f"a column of lists: expected ProjectError, got {found}") from error
