"""What a format of another tool is: records with answers on their way in, labeled records on their way out."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from weaklab.core.errors import CorpusError, WeaklabError
from weaklab.core.registry import Registry
from weaklab.exchange.json_text import Part, json_parts, json_texts
from weaklab.exchange.text_streams import head_of, lines, suffix

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

GIVEN, NOT, SKIPPED, DRAFT, SEVERAL, OTHER = "label", "not", "skip", "draft", "labels", "answer"
"""Kinds of answers: a label, "not this label", no label on purpose, a label that was not submitted, several labels at
once, and anything else that a person said."""
ANSWER_KINDS = (GIVEN, NOT, SKIPPED, DRAFT, SEVERAL, OTHER)
BATCH = 20000
"""Records that are written at a time."""
_LOOKED_AT = 20


@dataclass(frozen=True)
class Answer:
    """What one person said of one record.

    Attributes
    ----------
    kind : ``label``, ``not`` (it is not this label), ``skip``, ``draft`` (a label that was not submitted), ``labels``
        (several at once) or ``answer`` (anything else)
    value : a label name; a list of them for ``labels``; None for ``skip``
    annotator : who; empty where the file does not say
    at : UTC time, ISO 8601; empty where the file does not say
    seconds : how long it took
    word : what the tool calls such an answer, such as ``accepted``
    raw : what stood in the file, so that it can be written back
    """

    kind: str
    value: Any = None
    annotator: str = ""
    at: str = ""
    seconds: float | None = None
    word: str = ""
    raw: Any = None

    @property
    def key(self) -> list[Any]:
        """What two answers have in common that are the same one."""
        return [self.kind, self.value, self.annotator, self.at]


@dataclass(frozen=True)
class Example:
    """One record of a file.

    Attributes
    ----------
    place : where it stands, for messages
    id : None where the file has none
    text : the text; None where the record has no text
    columns : what else heuristics may read: name -> a text, number or truth value
    answers : what people said
    rest : what weaklab does not use, so that it can be written back
    gold : the truth, where the file knows it; for measuring only
    """

    place: str
    id: str | None
    text: str | None
    columns: Mapping[str, Any] = field(default_factory=dict)
    answers: Sequence[Answer] = ()
    rest: Mapping[str, Any] = field(default_factory=dict)
    gold: str | None = None


class Hints(NamedTuple):
    """What a reader is told about the project: the columns of its ids and its text, and its labels."""

    id: str = "id"
    text: str | None = None
    label_names: tuple[str, ...] = ()
    encoding: str = "utf-8"


class Head:
    """The beginning of a file, by which a format recognises it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kind = "folder" if path.is_dir() else suffix(path)

    @cached_property
    def records(self) -> list[Any]:
        """The first records of a JSON or JSON Lines file; empty where it is none."""
        try:
            if self.kind in (".jsonl", ".ndjson"):
                return [json.loads(line) for line in self.lines]
            if self.kind == ".json":
                return _first_records(head_of(self.path, 1 << 20).decode("utf-8", "ignore").lstrip("\ufeff \t\r\n"))
        except (ValueError, OSError, RecursionError):
            pass
        return []

    @cached_property
    def lines(self) -> list[str]:
        """The first lines that are not blank; empty where it is no text file."""
        found: list[str] = []
        try:
            for _, line in lines(self.path, "utf-8"):
                if line.strip():
                    found.append(line)
                if len(found) == _LOOKED_AT:
                    break
        except (CorpusError, OSError):
            return []
        return found

    def all_have(self, *names: str) -> bool:
        """Whether the first records are objects that have all of these fields."""
        return bool(self.records) and all(
            isinstance(record, dict) and all(name in record for name in names) for record in self.records
        )


def _first_records(text: str) -> list[Any]:
    """Return the first values of a JSON array, or an object with the first field alone, of text that may be cut."""
    decoder = json.JSONDecoder()
    if text.startswith("["):
        found: list[Any] = []
        place = 1
        while len(found) < _LOOKED_AT and (begin := re.compile(r"[\s,]*(?=\{)").match(text, place)):
            try:
                record, place = decoder.raw_decode(text, begin.end())
            except ValueError:
                break
            found.append(record)
        return found
    key = re.match(r'\{\s*("(?:[^"\\]|\\.)*")\s*:\s*', text)
    return [{json.loads(key[1]): decoder.raw_decode(text, key.end())[0]}] if key else []


class Format:
    """A file format of another tool; a class attribute or method that a tool needs otherwise is replaced.

    Attributes
    ----------
    title : what the format is called in messages, such as ``Prodigy JSONL``
    endings : the endings of the names of its files; ``()`` for a folder
    needs_text : whether a record without a text cannot be written
    holds_spans : whether it has a place for what heuristics found in a text
    holds_ids, holds_people : whether it has a place for the ids of records, and for who answered
    one_line : whether a text stands on one line, so that line breaks in it are written as spaces
    in_groups : whether records stand together by their labels, and not in their order
    same_text_is_one_record : whether lines with the same text are answers about one record where they have no id
    """

    title = ""
    endings: tuple[str, ...] = (".jsonl",)
    needs_text = True
    holds_spans = False
    holds_ids = True
    holds_people = True
    one_line = False
    in_groups = False
    same_text_is_one_record = False

    @staticmethod
    def on_one_line(text: str) -> str:
        """Return a text as it is written where :attr:`one_line`: line breaks are spaces."""
        return re.sub(r"[\r\n]+", " ", text).strip("\ufeff \t\r\n\v\f").strip()

    def recognises(self, head: Head) -> bool:
        """Whether a file is plainly of this format, and can be of no other."""
        return False

    def read(self, path: Path, hints: Hints) -> Iterable[Example]:
        """Yield the records; a CorpusError names the place and the reason where a file is malformed."""
        raise WeaklabError(f"{self.title} cannot be read; it can be written: weaklab export PROJECT OUT --to ...")

    def write(self, labeled: Labeled, path: Path) -> list[Path]:
        """Write labeled records; return the files that were written beside ``path``."""
        raise WeaklabError(f"{self.title} cannot be written; it can be read: weaklab import PROJECT FILE --from ...")


FORMATS: Registry[type[Format]] = Registry("exchange format", package="weaklab.exchange.tools", group="weaklab.formats")
"""Formats of other tools by name; register a class with ``@FORMATS.named("name")``."""


def format_of(name: str) -> Format:
    """Return a format by its name; ``_`` and capitals are as good as ``-`` and small letters.

    >>> format_of("Label_Studio").title
    'Label Studio JSON'
    """
    return FORMATS[plain_name(name)]()


def plain_name(name: str) -> str:
    """Return the name of a format as it is registered.

    >>> plain_name("Label_Studio")
    'label-studio'
    """
    plain = name.strip().lower().replace("_", "-").replace(" ", "-")
    return plain if plain in FORMATS else name


def recognised(path: Path) -> str | None:
    """Return the name of the only format that recognises a file or folder; None where none does, or several do."""
    head = Head(path)
    found = [name for name in FORMATS.names() if FORMATS[name]().recognises(head)]
    return found[0] if len(found) == 1 else None


# ---- on the way out


class Voter(NamedTuple):
    """One member of the committee: its votes, codes with -1 for none, and how sure it is of each, up to 1."""

    name: str
    codes: NDArray[np.integer[Any]]
    scores: NDArray[np.floating[Any]]


class Span(NamedTuple):
    """What a member found in a text: characters from ``start`` up to ``end``, for a label."""

    voter: str
    label: str
    start: int
    end: int


@dataclass(frozen=True)
class Labeled:
    """Labeled records on their way into a file.

    Attributes
    ----------
    ids : Arrow texts (n,)
    text : Arrow texts (n,), None where the records have none
    columns : name -> Arrow column (n,), what else is to be written
    label : Arrow texts (n,), null where there is no label
    score : Arrow floats (n,), the probability of the label
    labels : the label names, in the order of their codes
    answers : row -> what people said
    fields : row -> name of a format -> what it did not use of this record when it was read
    voters : the members
    spans : returns what members found in the text of a row
    gold : Arrow texts (n,), the truth, None where it is not known
    text_name, id_name : names of these columns in the project
    """

    ids: pa.Array
    text: pa.Array | None
    columns: Mapping[str, pa.Array]
    label: pa.Array
    score: pa.Array
    labels: tuple[str, ...]
    answers: Mapping[int, Sequence[Answer]] = field(default_factory=dict)
    fields: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    voters: Sequence[Voter] = ()
    spans: Callable[[int], Sequence[Span]] | None = None
    gold: pa.Array | None = None
    text_name: str = "text"
    id_name: str = "id"

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def rows_with_more(self) -> list[int]:
        """The rows with answers, or with what a format did not use, in order."""
        return sorted({*self.answers, *self.fields})

    def batches(self, size: int = BATCH) -> Iterator[LabeledBatch]:
        """Yield the records in order, some at a time."""
        for start in range(0, len(self), size):
            yield LabeledBatch(self, start, min(size, len(self) - start))


class LabeledBatch:
    """Some rows of :class:`Labeled`, with the same attributes."""

    def __init__(self, labeled: Labeled, start: int, rows: int) -> None:
        self._all, self.start, self.rows = labeled, start, rows
        self.ids, self.label, self.score = (self._cut(each) for each in (labeled.ids, labeled.label, labeled.score))
        self.text = None if labeled.text is None else self._cut(labeled.text)
        self.columns = {name: self._cut(column) for name, column in labeled.columns.items()}

    def _cut(self, column: Any) -> Any:
        import pyarrow as pa

        part = column.slice(self.start, self.rows)
        return part.combine_chunks() if isinstance(part, pa.ChunkedArray) else part

    def json_text(self) -> Part | Sequence[Part]:
        """The texts as JSON texts; a missing one is empty."""
        assert self.text is not None
        return json_parts(self.text.fill_null("") if self.text.null_count else self.text)

    def json_ids(self) -> Part | Sequence[Part]:
        """The ids as JSON texts."""
        return json_parts(self.ids)

    def json_label(self) -> pa.Array:
        """The labels as JSON texts; null where there is none."""
        import pyarrow as pa
        import pyarrow.compute as pc

        names = pa.array(self._all.labels, self.label.type)
        return json_texts(names).take(pc.index_in(self.label, names))

    def codes(self, voter: Voter) -> NDArray[np.integer[Any]]:
        """The votes of a member on these rows."""
        return voter.codes[self.start : self.start + self.rows]

    def scores(self, voter: Voter) -> NDArray[np.floating[Any]]:
        """How sure a member is of each of them."""
        return voter.scores[self.start : self.start + self.rows]

    def amended(self, texts: pa.Array, end: str, name: str, amend: Callable[[str, Amendments], str]) -> dict[int, str]:
        """Return row of the batch -> JSON text, for the records about which there is more to say than of most: those
        with answers, and those that came in this format.

        Parameters
        ----------
        texts : a JSON object for each row, each with ``end`` behind it
        name : of the format
        amend : takes the JSON text and what is to be added, and returns the new text
        """
        import pyarrow as pa

        rows = self._all.rows_with_more
        held = rows[bisect_left(rows, self.start) : bisect_left(rows, self.start + self.rows)]
        local = [row - self.start for row in held]
        found = texts.take(pa.array(local, pa.int64())).to_pylist()
        return {
            place: amend(text[: -len(end)], amendments(self._all, row, name))
            for place, row, text in zip(local, held, found, strict=True)
        }


class Amendments(NamedTuple):
    """What is to be added to a record: what the format did not use of it, and what people said.

    Attributes
    ----------
    row : row of the record
    rest : fields of the record
    answers : each with its ``raw`` where it stood in a file of this format
    kept : what stood beside the answers and is no answer
    """

    row: int
    rest: dict[str, Any]
    answers: list[Answer]
    kept: list[Any]


def stored(example: Example) -> dict[str, Any] | None:
    """Return what is to be kept of a record, besides what the project holds, for writing it back; None for nothing."""
    raws = [[answer.key, answer.raw] for answer in example.answers if answer.raw is not None]
    return {"rest": dict(example.rest), "answers": raws} if raws or example.rest else None


def amendments(labeled: Labeled, row: int, name: str) -> Amendments:
    """Return what is to be added to a record in a format; what was answered as it is now is written as it was read."""
    from dataclasses import replace

    held = labeled.fields.get(row, {}).get(name)
    if not held:
        return Amendments(row, {}, list(labeled.answers.get(row, ())), [])
    raws = list(held.get("answers", ()))
    answers = []
    for answer in labeled.answers.get(row, ()):
        found = next((pair for pair in raws if _same(pair[0], answer.key)), None)
        if found is not None:
            raws.remove(found)
        answers.append(answer if found is None else replace(answer, raw=found[1]))
    kept = [raw for key, raw in raws if key[0] == OTHER and key[1] is None]
    return Amendments(row, dict(held.get("rest", {})), answers, kept)


def _same(read: list[Any], now: list[Any]) -> bool:
    """Whether an answer is the one that stood in a file; where the file said no time, it got that of the import."""
    return read[:3] == now[:3] and read[3] in ("", now[3])
