"""Corpora: records with unique ids, as Arrow batches that can be read repeatedly."""

from typing import Any

from weaklab.core import moved
from weaklab.corpus.corpus import Corpus
from weaklab.corpus.records import Columns, Record, Roles, id_column, id_texts, ids_of, record_id, records, visible
from weaklab.corpus.source import BATCH_ROWS, ColumnError

__all__ = [
    "BATCH_ROWS",
    "ColumnError",
    "Columns",
    "Corpus",
    "Record",
    "Roles",
    "id_column",
    "id_texts",
    "ids_of",
    "record_id",
    "records",
    "visible",
]


def __getattr__(name: str) -> Any:
    return moved.old_name(__name__, name)
