"""WRENCH: a JSON object of records with the votes of labeling functions, and ``label.json`` beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.core.files import replacing
from weaklab.core.labels import ABSTAIN
from weaklab.exchange.json_text import joined, json_object
from weaklab.exchange.text_streams import head_of, short
from weaklab.exchange.tools.base import FORMATS, GIVEN, Example, Format, Head, Hints, Labeled, LabeledBatch
from weaklab.exchange.tools.fields import column_texts, data_of, divided, json_array, refuse

if TYPE_CHECKING:
    import pyarrow as pa

NAMES = "label.json"
PARTS = ("train.json", "valid.json", "test.json")


@FORMATS.named("wrench")
class Wrench(Format):
    """WRENCH JSON: texts, gold labels and votes of labeling functions, with label.json beside; a file or a folder."""

    title = "WRENCH JSON"
    endings = (".json",)
    needs_text = False
    holds_people = False

    def recognises(self, head: Head) -> bool:
        first = head.records[0] if head.kind == ".json" and head.records else None
        return isinstance(first, dict) and all(
            isinstance(each, Mapping) and {"label", "weak_labels", "data"} <= each.keys() for each in first.values()
        )

    def read(self, path: Path, hints: Hints) -> Iterator[Example]:
        files = [path / name for name in PARTS if (path / name).exists()] if path.is_dir() else [path]
        if not files:
            refuse(str(path), f"wanted a folder with {', '.join(PARTS)}")
        for file in files:
            names = _label_names(file.with_name(NAMES))
            several = file.stem if len(files) > 1 else ""
            for key, record in _records(file, hints):
                yield _example(record, f"{file}, record {key!r}", f"{several}-{key}".strip("-"), names, hints)

    def write(self, labeled: Labeled, path: Path) -> list[Path]:
        beside = path.with_name(NAMES)
        with replacing(beside) as temporary:
            names = {str(code): name for code, name in enumerate(labeled.labels)}
            temporary.write_text(json.dumps(names, ensure_ascii=False), encoding="utf-8")
        with replacing(path) as temporary, open(temporary, "wb") as stream:
            stream.write(b"{\n")
            for batch in labeled.batches():
                text = data_of(_records_of(batch, labeled))
                stream.write(text[2:] if batch.start == 0 else text)
            stream.write(b"\n}\n")
        return [beside]


def _records(path: Path, hints: Hints) -> Iterator[tuple[str, dict[str, Any]]]:
    if head_of(path, 64).lstrip()[:1] != b"{":
        refuse(str(path), 'wanted an object of records, {"0": {"label": 1, "weak_labels": [...], "data": {...}}, ...}')
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        list(json_array(path, hints))  # says in which line
        raise
    for key, record in found.items():
        if not isinstance(record, dict):
            refuse(f"{path}, record {key!r}", f"wanted an object, got {type(record).__name__} {short(record)}")
        yield key, record


def _label_names(path: Path) -> list[str] | None:
    """Return the names of the codes; None where there is no ``label.json``."""
    if not path.exists():
        return None
    try:
        held = json.loads(path.read_bytes())
        return [str(held[str(code)]) for code in range(len(held))]
    except (ValueError, KeyError, TypeError, AttributeError):
        refuse(str(path), 'wanted the names of the codes, such as {"0": "ham", "1": "spam"}')


def _name(code: Any, names: Sequence[str] | None, place: str) -> str | None:
    if isinstance(code, bool) or not isinstance(code, int) or code < -1 or (names is not None and code >= len(names)):
        wanted = f"-1 to {len(names) - 1}" if names is not None else "-1 or more"
        refuse(place, f"wanted a code from {wanted}, got {code!r}")
    if code == -1:
        return None
    return names[code] if names is not None else str(code)


def _example(record: dict[str, Any], place: str, key: str, names: Sequence[str] | None, hints: Hints) -> Example:
    data, votes = record.get("data"), record.get("weak_labels", [])
    if not isinstance(data, dict) or not isinstance(votes, list):
        refuse(place, f"wanted an object in 'data' and a list in 'weak_labels', got {short(data)} and {short(votes)}")
    data = dict(data)
    text = next((data.pop(name) for name in (hints.text, "text") if name in data), None)
    if text is not None and not isinstance(text, str):
        refuse(place, f"wanted a text in 'text', got {type(text).__name__} {short(text)}")
    name = next((data.pop(each) for each in (hints.id, "id") if each in data), key)
    columns, _ = divided(data, hidden=("id", "text"))
    columns |= {f"lf_{j}": vote for j, code in enumerate(votes) if (vote := _name(code, names, place)) is not None}
    label = record.get("label", -1)
    return Example(place, str(name), text, columns, gold=_name(label, names, place))


def _records_of(batch: LabeledBatch, labeled: Labeled) -> pa.Array:
    """Return the records of a batch, each with a comma before it."""
    import numpy as np
    import pyarrow as pa

    numbers = pa.array(np.arange(batch.start, batch.start + batch.rows)).cast(pa.large_string())
    votes: list[Any] = ["["]
    for j, voter in enumerate(labeled.voters):
        codes = [str(code) for code in range(ABSTAIN, len(labeled.labels))]
        written = pa.array(codes, pa.large_string()).take(pa.array(batch.codes(voter).astype(np.int64) - ABSTAIN))
        votes += [", " if j else "", written]
    text = {} if batch.text is None else {"text": batch.json_text()}
    data = json_object({**text, "id": batch.json_ids(), **column_texts(batch)})
    truth = pa.array(_truth(batch, labeled)).cast(pa.large_string())
    fields = json_object({"label": truth, "weak_labels": [*votes, "]"], "data": data})
    return joined([',\n"', numbers, '": ', *fields])


def _truth(batch: LabeledBatch, labeled: Labeled) -> list[int]:
    """Return the code of the gold label, else of what a person said last, -1 where neither is known."""
    codes = {name: code for code, name in enumerate(labeled.labels)}
    gold = labeled.gold.slice(batch.start, batch.rows).to_pylist() if labeled.gold is not None else [None] * batch.rows
    found = [codes.get(name or "", -1) for name in gold]
    for i, row in enumerate(range(batch.start, batch.start + batch.rows)):
        if found[i] < 0 and row in labeled.answers:
            given = [each.value for each in labeled.answers[row] if each.kind == GIVEN]
            found[i] = codes.get(given[-1], -1) if given else -1
    return found
