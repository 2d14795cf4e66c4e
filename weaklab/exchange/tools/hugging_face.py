"""Hugging Face: Parquet with a ``ClassLabel`` column, as ``datasets`` reads and writes it, without that package."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from weaklab.core.files import replacing
from weaklab.exchange.frames import class_names_of
from weaklab.exchange.parquet_files import parquet_file
from weaklab.exchange.tools.base import FORMATS, GIVEN, Answer, Example, Format, Hints, Labeled
from weaklab.exchange.tools.fields import divided, refuse

LABEL, SCORE, MANUAL = "label", "weaklab_score", "weaklab_manual"
ROWS = 50_000
"""Rows of a row group."""


@FORMATS.named("hugging-face")
class HuggingFace(Format):
    """Hugging Face Parquet: labels as ClassLabel; datasets.load_dataset("parquet", data_files=...) reads it."""

    title = "Hugging Face Parquet"
    endings = (".parquet",)
    needs_text = False
    holds_people = False

    def read(self, path: Path, hints: Hints) -> Iterator[Example]:
        with parquet_file(path) as file:
            names = class_names_of(file.schema_arrow)
            label = LABEL if LABEL in names else next(iter(names), None)
            if label is None or (len(names) > 1 and LABEL not in names):
                found = f"several: {', '.join(names)}" if names else "none"
                refuse(
                    str(path), f"wanted one ClassLabel column, found {found}; read a table: --from table --label ..."
                )
            number = 0
            for batch in file.iter_batches():
                for row in batch.to_pylist():
                    yield _example(row, f"{path}, row {number}", label, names[label], hints)
                    number += 1

    def write(self, labeled: Labeled, path: Path) -> list[Path]:
        import pyarrow.parquet as pq

        with replacing(path) as temporary:
            pq.write_table(_table(labeled), temporary, row_group_size=ROWS)
        return []


def _table(labeled: Labeled) -> Any:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    given = np.zeros(len(labeled), bool)
    given[[row for row, said in labeled.answers.items() if any(each.kind == GIVEN for each in said)]] = True
    codes = pc.index_in(labeled.label, pa.array(labeled.labels, labeled.label.type)).cast(pa.int64())
    text = {} if labeled.text is None else {labeled.text_name: labeled.text}
    ours = {LABEL: codes, SCORE: labeled.score, MANUAL: pa.array(given)}
    others = {name: column for name, column in labeled.columns.items() if name not in ours}
    feature = {"names": list(labeled.labels), "_type": "ClassLabel"}
    features = json.dumps({"info": {"features": {LABEL: feature}}})
    table = pa.table({labeled.id_name: labeled.ids, **text, **others, **ours})
    return table.replace_schema_metadata({"huggingface": features})


def _example(row: dict[str, Any], place: str, label: str, names: tuple[str, ...], hints: Hints) -> Example:
    code, manual = row.pop(label), row.pop(MANUAL, True)
    row.pop(SCORE, None)
    text_name = next((name for name in (hints.text, "text") if name in row), None)
    texts = [name for name, value in row.items() if isinstance(value, str) and name not in (hints.id, "id")]
    if text_name is None and len(texts) > 1:
        refuse(place, f"the text may be in {', '.join(map(repr, texts))}; name it: text={texts[0]!r} (--text)")
    text_name = text_name or next(iter(texts), None)
    text = row.pop(text_name) or "" if text_name else None
    name = next((row.pop(key) for key in (hints.id, "id") if key in row), None)
    if code is not None and not -1 <= code < len(names):
        refuse(place, f"{code} in {label!r} is none of the classes 0 to {len(names) - 1}")
    columns, _ = divided({key: value for key, value in row.items() if value is not None}, hidden=(hints.id, "id"))
    given = code not in (None, -1) and manual
    answers = [Answer(GIVEN, names[code], word="labeled")] if given else []
    return Example(place, None if name is None else str(name), text, columns, answers)
