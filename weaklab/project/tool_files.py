"""Files of other labeling tools on their way into a project: their records as a corpus, their answers as events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import CorpusError, UnknownLabelError
from weaklab.core.events import LABEL, NOTE, SKIP, UNDO, Event
from weaklab.core.label_reader import LabelReader
from weaklab.core.labels import ABSTAIN
from weaklab.core.tables import counted
from weaklab.corpus import Corpus
from weaklab.corpus.source import Source
from weaklab.exchange.python_records import batches_of_rows
from weaklab.exchange.tools.base import (
    DRAFT,
    GIVEN,
    NOT,
    OTHER,
    SEVERAL,
    SKIPPED,
    Answer,
    Example,
    Format,
    Hints,
    format_of,
    plain_name,
    recognised,
    stored,
)
from weaklab.project.imports import IMPORTED

if TYPE_CHECKING:
    from weaklab.project.receipt import ImportReceipt
    from weaklab.project.workspace import Workspace

TABLE = "table"
"""What ``format`` says of a file that is to be read as a table, whatever its fields look like."""
GOLD = "gold"
"""The column of gold labels that come in a file of another tool."""
FIELDS = "fields"
"""Key of a note that keeps what another tool wrote about a record and weaklab does not use."""


def tool_file(
    work: Workspace,
    data: Any,
    name: str | None,
    roles: Mapping[str, Any],
    map: Mapping[Any, Any] | None,
    options: Mapping[str, Any],
) -> ToolFile | None:
    """Return a file of another tool, read; None where the data is a table.

    Parameters
    ----------
    name : of the format, None to recognise it, "table" for a table
    roles : the columns that the user named
    map : label of the file -> label name
    options : how files are to be read

    Raises
    ------
    CorpusError, UnknownLabelError
        The file is malformed, or holds a label that the project does not have.
    """
    is_path = isinstance(data, (str, Path)) and "\0" not in str(data) and len(str(data)) < 4096
    path = Path(data).expanduser() if is_path else None
    if name == TABLE:
        return None
    if name is None:
        says_table = any(roles[role] for role in ("label", "gold", "columns"))
        name = recognised(path) if path is not None and not says_table and _exists(path) else None
        if name is None:
            return None
        said = f"read as {format_of(name).title}, recognised by its fields (format={TABLE!r}, --from {TABLE}: a table)"
    else:
        said = f"read as {format_of(name).title}"
    name = plain_name(name)
    form = format_of(name)
    if path is None or not _exists(path):
        raise CorpusError(f"{data!r}: no such file or folder; {form.title} is read from one")
    for role in ("label", "gold", "columns"):
        if roles[role]:
            raise CorpusError(
                f"{path}: {role}={roles[role]!r} names a column of a table, and {form.title} has fields of its own; "
                f"leave it out, or read a table with format={TABLE!r} (--from {TABLE})"
            )
    return ToolFile(work, name, form, path, _hints(work, roles, options), map, said)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _hints(work: Workspace, roles: Mapping[str, Any], options: Mapping[str, Any]) -> Hints:
    there = work.corpus.roles if work.has_records else None
    text = roles["text"]
    if text is not None and not isinstance(text, str):
        if len(text) != 1:
            raise CorpusError(f"text={text!r}: wanted the name of one field")
        [text] = text
    first = there.text[0] if there is not None and there.text else None
    name = roles["id"] or (there.id if there is not None else "id")
    return Hints(name, text or first, tuple(work.label_names), options.get("encoding", "utf-8"))


@dataclass
class ToolFile:
    """The records and answers of a file.

    Attributes
    ----------
    corpus : the records
    """

    work: Workspace
    name: str
    form: Format
    path: Path
    hints: Hints
    map: Mapping[Any, Any] | None
    said: str
    words: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    people: set[str] = field(default_factory=set)
    kinds: Counter[str] = field(default_factory=Counter)
    known: int = 0

    def __post_init__(self) -> None:
        reader = LabelReader(self.work.label_names, self.map)
        self.examples = [
            self._read(each, reader) for each in _grouped(self.form, self.form.read(self.path, self.hints))
        ]
        if not self.examples:
            raise CorpusError(f"{self.path}: holds no record; wanted at least one")
        self.reader = reader
        texts = [each.text is not None for each in self.examples]
        if any(texts) and not all(texts):
            odd = next(each for each in self.examples if each.text is None)
            raise CorpusError(f"{odd.place}: has no text, and others have; wanted a text in each")
        rows = [(each.place, self._row(each)) for each in self.examples]
        source = Source(str(self.path), lambda source: batches_of_rows(source, rows), in_memory=True)
        text = [self.text_name] if any(texts) else []
        has_ids = self.examples[0].id is not None
        gold = GOLD if any(each.gold is not None for each in self.examples) else None
        self.corpus = Corpus(source, text=text, id=self.hints.id if has_ids else None, gold=gold)

    @property
    def text_name(self) -> str:
        """The column that the texts go into: that of the project."""
        roles = self.work.corpus.roles if self.work.has_records else None
        return roles.text[0] if roles is not None and roles.text else "text"

    def _row(self, example: Example) -> dict[str, Any]:
        own = {} if example.id is None else {self.hints.id: example.id}
        text = {} if example.text is None else {self.text_name: example.text}
        gold = {} if example.gold is None else {GOLD: example.gold}
        return {**own, **text, **example.columns, **own, **text, **gold}

    def _read(self, example: Example, reader: LabelReader) -> Example:
        """Read the labels of a record; count what people said."""
        found = [each for answer in example.answers if (each := self._known(answer, reader, example.place))]
        found += _by_elimination(found, self.hints.label_names)
        for answer in found:
            if answer.word:
                self.words[answer.word] += 1
            self.kinds[answer.kind] += 1
            self.people |= {answer.annotator} - {""}
        return replace(example, answers=found)

    def _known(self, answer: Answer, reader: LabelReader, place: str) -> Answer | None:
        """Return an answer with the project's name of the label; "not this label" of two labels is the other one."""
        if answer.kind in (SKIPPED, OTHER):
            return answer
        values = answer.value if answer.kind == SEVERAL else [answer.value]
        codes = [_code(reader, value, place) for value in values]
        if ABSTAIN in codes:
            return replace(answer, kind=OTHER, value=None)
        names = [self.hints.label_names[code] for code in codes]
        if answer.kind == NOT and len(self.hints.label_names) == 2:
            [other] = {*self.hints.label_names} - {*names}
            return replace(answer, kind=GIVEN, value=other)
        return replace(answer, value=names if answer.kind == SEVERAL else names[0])

    # ---- what goes into the journal

    def events(self, ids: Sequence[str]) -> Iterator[Event]:
        """Yield the events about the records, whose ids stand in their order; what is there already is left out."""
        there = self._there([record for record in ids if record in self.work.imported])
        self.known = 0
        self.labels.clear()
        for record, example in zip(ids, self.examples, strict=True):
            for event in self._events(record, example):
                if there and _signature(event) & there.get(record, frozenset()):
                    self.known += event.kind != NOTE or FIELDS not in event.value
                    continue
                if event.kind == LABEL:
                    self.labels[str(event.value)] += 1
                yield event

    def _events(self, record: str, example: Example) -> Iterator[Event]:
        dated = all(each.at for each in example.answers)
        for answer in sorted(example.answers, key=lambda each: each.at) if dated else example.answers:
            kind, value = _stored_as(answer)
            if kind:
                who = answer.annotator or IMPORTED
                yield Event(kind, record, value, annotator=who, session=self.name, at=answer.at, seconds=answer.seconds)
        kept = stored(example)
        if kept is not None:
            yield Event(NOTE, record, {FIELDS: {self.name: kept}}, annotator=IMPORTED, session=self.name)

    def _there(self, known: Sequence[str]) -> dict[str, frozenset[Any]]:
        """Return what people said before of records that are in the project."""
        if not known:
            return {}
        events = self.work.journal.events_of(known)
        undone = {event.undoes for event in events if event.kind == UNDO}
        found: dict[str, frozenset[Any]] = {}
        for event in events:
            if event.id not in undone and event.kind != UNDO:
                found[event.record] = found.get(event.record, frozenset()) | _signatures(event)
        return found

    # ---- what is said about it

    def tell(self, receipt: ImportReceipt) -> None:
        """Add to a receipt what was read as what."""
        counts = ", ".join(f"{count:,} {word}" for word, count in self.words.items())
        people = (
            f" by {', '.join(sorted(self.people)[:5])}{', ...' if len(self.people) > 5 else ''}" if self.people else ""
        )
        notes = [f"{self.said}: {counts or 'no answers'}{people}"]
        kept = [(NOT, "say what a record is not"), (DRAFT, "are drafts"), (SEVERAL, "name several labels")]
        notes += [
            f"{counted(self.kinds[kind], 'answer')} that {what} {'are' if self.kinds[kind] > 1 else 'is'} kept and no "
            "manual label"
            for kind, what in kept
            if self.kinds[kind]
        ]
        if self.known:
            notes.append(f"{counted(self.known, 'answer')} that the project has already came in no second time")
        receipt.notes[:0] = [*notes, *self.reader.notes()]
        receipt.labels = dict(self.labels)


def _code(reader: LabelReader, value: Any, place: str) -> int:
    try:
        return reader.code(value)
    except UnknownLabelError as error:
        raise UnknownLabelError(f"{place}: {error}") from None


def _stored_as(answer: Answer) -> tuple[str, Any]:
    """Return the kind and the value of the event of an answer; no kind for none."""
    if answer.kind == GIVEN:
        return LABEL, answer.value
    if answer.kind == SKIPPED:
        return SKIP, None
    return (NOTE, {answer.kind: answer.value}) if answer.value is not None else ("", None)


def _by_elimination(answers: Sequence[Answer], labels: Sequence[str]) -> list[Answer]:
    """Return the labels that people gave by saying of all others that it is none of these."""
    found = []
    for who in dict.fromkeys(each.annotator for each in answers if each.kind == NOT):
        mine = [each for each in answers if each.annotator == who]
        left = [name for name in labels if name not in {each.value for each in mine if each.kind == NOT}]
        if len(left) == 1 and not any(each.kind == GIVEN for each in mine):
            last = max(each.at for each in mine)
            found.append(Answer(GIVEN, left[0], who, last, None, "known as all other labels were rejected", False))
    return found


def _grouped(form: Format, examples: Iterable[Example]) -> list[Example]:
    """Put the lines about one record together."""
    found = list(examples)
    named = [each.id is not None for each in found]
    if not all(named):
        found = [replace(each, id=None) for each in found]
        if not form.same_text_is_one_record:
            return found
    groups: dict[str | None, list[Example]] = {}
    for each in found:
        groups.setdefault(each.id if all(named) else each.text, []).append(each)
    return [_one(group) for group in groups.values()]


def _one(group: Sequence[Example]) -> Example:
    first = group[0]
    if len(group) == 1:
        return first
    odd = next((each for each in group if each.text != first.text), None)
    if odd is not None:
        raise CorpusError(
            f"{odd.place}: has the id {odd.id!r} of {first.place} and another text; wanted one text a record"
        )
    columns = {name: value for each in reversed(group) for name, value in each.columns.items()}
    rest = {name: value for each in reversed(group) for name, value in each.rest.items()}
    return replace(first, columns=columns, rest=rest, answers=[answer for each in group for answer in each.answers])


def _signature(event: Event) -> frozenset[Any]:
    """Return what an event has in common with one that says the same; with its time where it has one, in seconds, for
    some tools keep no more.
    """
    what = (event.kind, repr(event.value), event.annotator)
    return frozenset([(*what, event.at[:19])]) if event.at else frozenset([what])


def _signatures(event: Event) -> frozenset[Any]:
    return frozenset([(event.kind, repr(event.value), event.annotator), *_signature(event)])
