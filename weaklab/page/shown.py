"""What the page shows of a record: its fields, the committee's opinion, and the words that heuristics found."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from weaklab.corpus.records import Columns, Record, roles_of
from weaklab.exchange.json_files import json_value
from weaklab.heuristics.spans import searched_column, spans_in

if TYPE_CHECKING:
    from weaklab.project.workspace import Workspace
    from weaklab.scheduling.asks import Ask

MOST_TEXT = 20_000
"""Characters of a value that are sent with its record; the page asks for the rest when somebody wants to read it."""
MOST_CELLS = 2_000
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".webp")
IMAGE_MARKS = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}
MOST_IMAGE_BYTES = 30_000_000


def shown_record(work: Workspace, ask: Ask) -> dict[str, Any]:
    """Return a question as JSON values, without the committee's opinion where that is hidden."""
    record = ask.record
    roles = roles_of(record)
    texts = [name for name in roles.text if record.get(name) is not None]
    others = [name for name in dict(record) if name not in {roles.id, *roles.hidden, *roles.text}]
    votes = {} if ask.blind else ask.votes
    found = [_text_field(work, ask, name, votes) for name in texts]
    found += [field(ask.id, name, record[name]) for name in others]
    return {
        "id": ask.id,
        "fields": found,
        "why": ask.shown_why,
        "picked_by": ask.strategy,
        "blind": ask.blind,
        "synthetic": ask.synthetic,
        "suggestion": None if ask.blind else ask.suggestion,
        "confidence": None if ask.blind else round(ask.confidence, 4),
        "probabilities": {} if ask.blind else {name: round(p, 4) for name, p in ask.probabilities.items()},
        "votes": [{"heuristic": name, "label": label, "where": where(work, name)} for name, label in votes.items()],
    }


def where(work: Workspace, heuristic: str) -> str:
    """Return file and line of a heuristic, or a word for its kind."""
    return work.committee[heuristic].where if heuristic in work.committee else ""


# ---- values


def field(record: str, name: str, value: Any) -> dict[str, Any]:
    r"""Return a value of a record as the page shows it: ``name``, ``kind`` and what belongs to that kind.

    >>> field("7", "n", 2**60)
    {'name': 'n', 'kind': 'number', 'text': '1152921504606846976'}
    >>> field("7", "face", b"\x89PNG\r\n\x1a\n...")
    {'name': 'face', 'kind': 'image', 'url': 'api/image?record=7&column=face'}
    """
    if is_image(value):
        return {"name": name, "kind": "image", "url": f"api/image?{_at(record, name)}"}
    value = value.tolist() if hasattr(value, "tolist") else value
    if value is None:
        return {"name": name, "kind": "nothing", "text": ""}
    if isinstance(value, bool):
        return {"name": name, "kind": "word", "text": str(value).lower()}
    if isinstance(value, (int, float)):
        return {"name": name, "kind": "number", "text": _number(value)}
    if isinstance(value, str):
        held = _json_in(value)
        return {"name": name, "kind": "text" if held is None else "code", **_cut(record, name, held or value)}
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"name": name, "kind": "word", "text": f"{len(value):,} bytes"}
    rows = _rows(value)
    if rows is not None:
        return {"name": name, "kind": "table", **rows, "rest": f"api/text?{_at(record, name)}"}
    plain = json_value(value)
    if isinstance(plain, str):  # a date, a decimal
        return {"name": name, "kind": "word", "text": plain}
    return {"name": name, "kind": "code", **_cut(record, name, written(plain))}


def _json_in(text: str) -> str | None:
    """Return the JSON object or list that a text holds, in lines; None where it is none, or very long."""
    if not text.startswith(("{", "[")) or len(text) > MOST_TEXT:
        return None
    try:
        return written(json.loads(text))
    except (ValueError, RecursionError):
        return None


def written(value: Any) -> str:
    """Return a value as a text: texts as they are, others as JSON, with a line for each row of a list of rows.

    >>> print(written({"a": [1, None]}), written([[1, 2], [3]]), written("x"), sep=" | ")
    {
      "a": [
        1,
        null
      ]
    } | [
    [1, 2],
    [3]
    ] | x
    """
    if isinstance(value, str):
        return value
    found = json_value(value.tolist() if hasattr(value, "tolist") else value)
    if not isinstance(found, list):
        return json.dumps(found, ensure_ascii=False, indent=2)
    if not any(isinstance(row, (list, dict)) for row in found):
        return json.dumps(found, ensure_ascii=False)
    return "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in found) + "\n]"


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) or abs(value) >= 1e6 else f"{value:.6g}"


def _cut(record: str, name: str, text: str) -> dict[str, Any]:
    if len(text) <= MOST_TEXT:
        return {"text": text}
    return {"text": text[:MOST_TEXT], "length": len(text), "rest": f"api/text?{_at(record, name)}"}


def _at(record: str, name: str) -> str:
    return urlencode({"record": record, "column": name}, errors="replace")


def _rows(value: Any) -> dict[str, Any] | None:
    """Return lists of lists, lists of structs and short lists of numbers as a table; None for other values."""
    if isinstance(value, Mapping) and value and not any(isinstance(v, (Mapping, list, tuple)) for v in value.values()):
        return {"head": [str(name) for name in value], "rows": [[_cell(cell) for cell in value.values()]]}
    if not isinstance(value, (list, tuple)) or not value:
        return None
    if all(isinstance(row, Mapping) for row in value):
        head = list(dict.fromkeys(str(name) for row in value for name in row))
        rows: list[Any] = [[row.get(name) for name in head] for row in value[: MOST_CELLS // max(1, len(head)) + 1]]
        return {"head": head, "rows": [[_cell(cell) for cell in row] for row in rows], "all": len(value)}
    if all(isinstance(row, (list, tuple)) for row in value):
        wide = max(len(row) for row in value) or 1
        rows = [[_cell(cell) for cell in row[:MOST_CELLS]] for row in value[: MOST_CELLS // wide + 1]]
        return {"head": [], "rows": rows, "all": len(value)}
    if all(type(cell) in (int, float) for cell in value):
        return {"head": [], "rows": [[_cell(cell) for cell in value[:50]]], "numbers": len(value)}
    return None


def _cell(value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _number(value)
    return "" if value is None else str(json_value(value))[:1000]


# ---- marked words


def _text_field(work: Workspace, ask: Ask, name: str, votes: Mapping[str, str]) -> dict[str, Any]:
    text = str(ask.record[name])
    found = {"name": name, "kind": "text", **_cut(ask.id, name, text)}
    spans = matched(work, name, found["text"], votes)
    return {**found, "parts": parts(found["text"], spans)} if spans else found


def matched(work: Workspace, column: str, text: str, votes: Mapping[str, str]) -> list[tuple[int, int, str]]:
    """Return (start, end, heuristic) of the words that keywords and patterns found in a text, of those that vote."""
    spans = []
    for name in votes:
        if name not in work.committee:
            continue
        member = work.committee[name]
        if searched_column(member) in ("text", column):
            spans += [(start, end, name) for start, end in spans_in(member, text)]
    return spans


def parts(text: str, spans: Sequence[tuple[int, int, str]]) -> list[list[Any]]:
    """Cut a text where a span begins or ends; each part is [text, names of the spans that cover it].

    >>> parts("win a prize", [(0, 3, "wins"), (0, 11, "all")])
    [['win', ['wins', 'all']], [' a prize', ['all']]]
    """
    edges = sorted({0, len(text), *(edge for start, end, _ in spans for edge in (start, end))})
    return [
        [text[low:high], list(dict.fromkeys(name for start, end, name in spans if start <= low and high <= end))]
        for low, high in itertools.pairwise(edges)
    ]


# ---- single values


def record_of(work: Workspace, record: str) -> Record:
    """Return a record of the corpus, or one beside it, by its id."""
    name = work.known(record)
    with work.working:
        if name in work.rows:
            return work.corpus.record(work.rows[name])
        return Columns(work.extra.batch([name], work.corpus)).records()[0]


def visible_value(work: Workspace, record: str, column: str) -> Any:
    """Return a value of a record; None where there is no such column, or it is hidden."""
    found = record_of(work, record)
    return None if column in roles_of(found).hidden else found.get(column)


def is_image(value: Any) -> bool:
    """Whether a value holds an image, or names the file of one."""
    if isinstance(value, Mapping) and {"bytes", "path"} >= set(value) and value:
        return bool(value.get("bytes") or value.get("path"))
    if isinstance(value, bytes):
        return image_type(value) is not None
    return isinstance(value, str) and len(value) < 1000 and "\n" not in value and _names_image(value)


def _names_image(value: str) -> bool:
    return value.lower().endswith(IMAGE_SUFFIXES) and "://" not in value


def image_type(content: bytes) -> str | None:
    """Return the media type of an image by its first bytes; None if it is none."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for mark, kind in IMAGE_MARKS.items() if content.startswith(mark)), None)


def image(value: Any, folder: Path) -> tuple[bytes, str] | None:
    """Return the content and the media type of an image in a value, or of the file that it names; None if it is none.

    Parameters
    ----------
    value : bytes, a path, or both as data sets of Hugging Face hold them
    folder : of the project; a relative path is looked up there, then in the working folder
    """
    if isinstance(value, Mapping):
        value = value.get("bytes") or value.get("path")
    if isinstance(value, str) and _names_image(value):
        value = _file(value, folder)
    if not isinstance(value, bytes):
        return None
    kind = image_type(value)
    return None if kind is None else (value, kind)


def _file(name: str, folder: Path) -> bytes | None:
    for place in (folder / name, Path(name)):
        try:
            if place.is_file() and place.stat().st_size <= MOST_IMAGE_BYTES:
                return place.read_bytes()
        except (OSError, ValueError):  # no path at all
            continue
    return None
