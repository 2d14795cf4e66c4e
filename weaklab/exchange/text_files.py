"""Reads text files, one record per line; in a folder, each file may hold the records of one label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.corpus.source import Source
from weaklab.exchange.file_options import FileOptions
from weaklab.exchange.formats import READERS, uses
from weaklab.exchange.python_records import batches_of_rows
from weaklab.exchange.text_streams import lines

if TYPE_CHECKING:
    import pyarrow as pa

UNLABELED_STEMS = ("dataset", "unlabeled", "unlabelled")
"""Text files of a folder that hold records without a label; every other file is named after its label."""


@READERS.named(".txt")
@uses("encoding")
def read_text(paths: Sequence[Path], options: FileOptions, source: Source) -> Iterator[pa.RecordBatch]:
    """Text, one record per line."""
    return batches_of_rows(source, _rows(paths, options, source.labels_by_file))


def _rows(paths: Sequence[Path], options: FileOptions, by_label: bool) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for path in paths:
        stem = path.name.split(".")[0]
        label = None if stem.lower() in UNLABELED_STEMS else stem
        for number, line in lines(path, options.encoding):
            if line.strip():
                yield f"{path}:{number}", {"text": line, "label": label} if by_label else {"text": line}
