"""Prodigy: a task a line, with ``answer`` accept, reject or ignore."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from weaklab.exchange.json_text import constant, joined, json_object, json_scores
from weaklab.exchange.tools.base import (
    DRAFT,
    FORMATS,
    GIVEN,
    NOT,
    OTHER,
    SEVERAL,
    SKIPPED,
    Amendments,
    Answer,
    Example,
    Format,
    Head,
    Hints,
    Labeled,
    LabeledBatch,
)
from weaklab.exchange.tools.fields import (
    JsonOut,
    column_texts,
    divided,
    json_lines,
    refuse,
    seconds_since_1970,
    taken,
    texts_in,
    time_of,
)

ANSWERS = {"accept": "accepted", "reject": "rejected", "ignore": "ignored"}
_PER_LINE = re.compile(
    r"_(?!input_hash).*|answer|accept|label|options|spans|tokens|relations|score|priority|config|user_input"
)
"""Fields that belong to one question or one answer; the others belong to the text."""


@FORMATS.named("prodigy")
class Prodigy(Format):
    """Prodigy JSONL: a task a line, with the answer accept, reject or ignore."""

    title = "Prodigy JSONL"
    same_text_is_one_record = True

    def recognises(self, head: Head) -> bool:
        if head.kind not in (".jsonl", ".ndjson") or not head.all_have("text"):
            return False
        answered = any(record.get("answer") in ANSWERS for record in head.records)
        return answered or head.all_have("_input_hash", "_task_hash")

    def read(self, path: Path, hints: Hints) -> Iterator[Example]:
        for place, task in json_lines(path, hints):
            text = taken(task, "text", str, place)
            if text is None:
                refuse(place, "has no 'text'; wanted a task for text classification")
            meta = taken(task, "meta", dict, place) or {}
            columns, other = divided(meta, hidden=(hints.id, "id", "text", "label", "score", *ANSWERS))
            mine = {name: task.pop(name) for name in list(task) if _PER_LINE.fullmatch(name)}
            own = task.pop("id", None)
            rest = task | ({"meta": other} if other else {})
            hashed = task.get("_input_hash")
            name = own if own is not None else hashed
            yield Example(place, None if name is None else str(name), text, columns, _answers(mine, place, hints), rest)

    def write(self, labeled: Labeled, path: Path) -> list[Path]:
        options = [{"id": name, "text": name} for name in labeled.labels]
        with JsonOut(path) as out:
            for batch in labeled.batches():
                tasks = _tasks(batch, constant(options), out.end)
                out.write(tasks, batch.amended(tasks, out.end, "prodigy", _amended))
        return []


def _answers(mine: dict[str, Any], place: str, hints: Hints) -> list[Answer]:
    """Return what a line says, and the line's own fields to write it back."""
    answer = mine.get("answer")
    if answer is None:
        return [Answer(OTHER, None, raw=mine)] if mine else []
    if answer not in ANSWERS:
        refuse(place, f"wanted accept, reject or ignore in 'answer', got {answer!r}")
    kind, value = _meaning(mine, place, hints)
    who = mine.get("_annotator_id") or mine.get("_session_id") or ""
    return [Answer(kind, value, str(who), time_of(mine.get("_timestamp")), None, ANSWERS[answer], mine)]


def _meaning(mine: dict[str, Any], place: str, hints: Hints) -> tuple[str, Any]:
    answer, label = mine["answer"], mine.get("label")
    chosen = texts_in(taken(dict(mine), "accept", list, place) or [], "accept", place)
    if label is not None and not isinstance(label, str):
        refuse(place, f"wanted a label name in 'label', got {label!r}")
    if answer == "ignore":
        return SKIPPED, None
    if answer == "accept" and len(chosen) > 1:
        return SEVERAL, chosen
    if answer == "accept" and (chosen or label):
        return GIVEN, chosen[0] if chosen else label
    if answer == "reject" and label:
        return NOT, label
    return OTHER, answer


def _tasks(batch: LabeledBatch, options: str, end: str) -> Any:
    """Return the questions of a batch, each with the committee's label chosen."""
    label = batch.json_label()
    chosen = label if not label.null_count else label.fill_null("")
    meta = json_object({"score": json_scores(batch.score), **column_texts(batch)})
    fields = {"text": batch.json_text(), "id": batch.json_ids(), "options": options, "accept": ["[", chosen, "]"]}
    return joined([*json_object(fields | {"meta": meta}), end])


def _amended(text: str, more: Amendments) -> str:
    """Return the lines of a record: one for each answer, or the question where nobody answered."""
    task = json.loads(text)
    meta = {**more.rest.pop("meta", {}), **task["meta"]}
    shared = {"text": task["text"], "id": task["id"], **more.rest, "meta": meta}
    if shared["id"] == str(shared.get("_input_hash")):
        del shared["id"]
    given = [_line(shared, task, each) for each in more.answers if each.raw is not False]
    kept = [{**shared, **raw} for raw in more.kept]
    return "\n".join(map(constant, given + kept or [{**task, **shared}]))


def _line(shared: dict[str, Any], task: dict[str, Any], answer: Answer) -> dict[str, Any]:
    if answer.raw is not None:
        return {**shared, **answer.raw}
    said: dict[str, Any] = {"options": task["options"], "accept": []}
    if answer.kind in (GIVEN, SEVERAL):
        said |= {"accept": [answer.value] if answer.kind == GIVEN else answer.value, "answer": "accept"}
    elif answer.kind == DRAFT:
        said["accept"] = [answer.value]
    elif answer.kind == NOT:
        said = {"label": answer.value, "answer": "reject"}
    else:
        said["answer"] = "ignore" if answer.kind == SKIPPED else str(answer.value)
    who = {"_annotator_id": answer.annotator, "_session_id": answer.annotator} if answer.annotator else {}
    at = seconds_since_1970(answer.at)
    return {**shared, **said, **who, **({} if at is None else {"_timestamp": at})}
