"""doccano: an example a line, with a list of labels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from weaklab.core.files import replacing
from weaklab.exchange.json_text import constant, joined, json_object, json_scores
from weaklab.exchange.tools.base import (
    FORMATS,
    GIVEN,
    OTHER,
    SEVERAL,
    Amendments,
    Answer,
    Example,
    Format,
    Head,
    Hints,
    Labeled,
)
from weaklab.exchange.tools.fields import JsonOut, column_texts, divided, json_lines, refuse, taken, texts_in

SUGGESTED, SCORE = "weaklab_label", "weaklab_score"
"""What the committee said, so that its labels, which doccano cannot tell from those of people, come back as its own."""
_USED = ("id", "text", "label", "labels", "data", "Comments", "comments", SUGGESTED, SCORE)
ALL = "all"
"""Name of the file in which doccano writes the examples of a shared project; other files are named after a person."""


@FORMATS.named("doccano")
class Doccano(Format):
    """doccano JSONL: an example a line, with a list of labels; a folder has one file for each person."""

    title = "doccano JSONL"
    holds_people = False

    def recognises(self, head: Head) -> bool:
        if head.kind != ".jsonl" or not (head.all_have("label") or head.all_have("labels")):
            return False
        return head.all_have("text", "Comments") or head.all_have("text", "comments")

    def read(self, path: Path, hints: Hints) -> Iterator[Example]:
        files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
        if not files:
            refuse(str(path), "no .jsonl file in this folder; wanted what doccano's export holds, unpacked")
        for file in files:
            who = "" if file.stem == ALL or not path.is_dir() else file.stem
            for place, line in json_lines(file, hints):
                yield _example(line, place, who, hints)

    def write(self, labeled: Labeled, path: Path) -> list[Path]:
        with JsonOut(path) as out:
            for batch in labeled.batches():
                label = batch.json_label()
                fields = {"text": batch.json_text(), "id": batch.json_ids()}
                ours = {SUGGESTED: label, SCORE: json_scores(batch.score)}
                columns = {name: text for name, text in column_texts(batch).items() if name not in _USED}
                given = {"label": ["[", label.fill_null(""), "]"]}
                lines = joined([*json_object({**fields, **given, **columns, **ours}), out.end])
                out.write(lines, batch.amended(lines, out.end, "doccano", _amended))
        config = path.with_name(f"{path.stem}.labels.json")
        with replacing(config) as temporary:
            temporary.write_text(constant([{"text": name} for name in labeled.labels]), encoding="utf-8")
        return [config]


def _example(line: dict[str, Any], place: str, who: str, hints: Hints) -> Example:
    text_name = next((name for name in (hints.text, "text", "data") if name and name in line), "text")
    text = taken(line, text_name, str, place)
    if text is None:
        refuse(place, "has no 'text'; wanted an example of a project for text classification")
    key = "labels" if "labels" in line and "label" not in line else "label"
    label = line.pop(key, None)
    name = next((line.pop(key) for key in (hints.id, "id") if key in line), None)
    suggested = line.pop(SUGGESTED, None)
    line.pop(SCORE, None)
    columns, rest = divided(line, hidden=_USED)
    if suggested is not None and label == [suggested]:
        unchanged = Answer(OTHER, None, word="unchanged from what weaklab suggested, so no answers")
        return Example(place, None if name is None else str(name), text, columns, [unchanged], rest)
    return Example(place, None if name is None else str(name), text, columns, _answers(label, place, who, key), rest)


def _answers(label: Any, place: str, who: str, key: str) -> list[Answer]:
    if label is None or label == []:
        return []
    if not isinstance(label, (list, str)):
        refuse(place, f"wanted a list of label names in {key!r}, got {type(label).__name__} {label!r}")
    given = [label] if isinstance(label, str) else label
    raw = {key: label}
    if all(isinstance(each, (list, dict)) for each in given):
        return [Answer(OTHER, None, word="with spans", raw=raw)]
    names = texts_in(given, key, place)
    if len(names) > 1:
        return [Answer(SEVERAL, names, who, word="with several labels", raw=raw)]
    return [Answer(GIVEN, names[0], who, word="labeled", raw=raw)]


def _amended(text: str, more: Amendments) -> str:
    """Return the lines of a record; where people disagree, the labels of all of them, as a shared project shows it."""
    line = json.loads(text)
    said = [each for each in more.answers if each.kind in (GIVEN, SEVERAL) and each.raw is not False]
    names = [name for each in said for name in (each.value if each.kind == SEVERAL else [each.value])]
    if names:
        line["label"] = list(dict.fromkeys(names))
        line.pop(SUGGESTED, None)
        line.pop(SCORE, None)
    found = {**line, **more.rest}
    for raw in more.kept:
        found |= raw
    return constant(found)
