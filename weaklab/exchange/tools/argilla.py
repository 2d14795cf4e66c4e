"""Argilla: one JSON array of records, with suggestions and the responses of people to each question."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from weaklab.exchange.json_text import Part, constant, joined, json_object, json_scores
from weaklab.exchange.tools.base import (
    ANSWER_KINDS,
    DRAFT,
    FORMATS,
    GIVEN,
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
from weaklab.exchange.tools.fields import JsonOut, column_texts, divided, json_array, refuse, taken, texts_in

QUESTION, OURS = "label", "weaklab_answers"
"""Name of the question that is written, and the field for answers of people whom Argilla cannot know."""
_FLAT = ".responses"


@FORMATS.named("argilla")
class Argilla(Format):
    """Argilla records: what records.to_json() writes, or the rows of records.to_datasets() as JSON."""

    title = "Argilla JSON"
    endings = (".json",)

    def recognises(self, head: Head) -> bool:
        if head.all_have("fields") and (head.all_have("responses") or head.all_have("suggestions")):
            return True
        return head.all_have("_server_id") and any(name.endswith(_FLAT) for record in head.records for name in record)

    def read(self, path: Path, hints: Hints) -> Iterator[Example]:
        records = [(place, _nested(record, place)) for place, record in json_array(path, hints)]
        question = _question(records, hints, path)
        for place, record in records:
            yield _example(record, place, question, hints)

    def write(self, labeled: Labeled, path: Path) -> list[Path]:
        with JsonOut(path, array=True) as out:
            for batch in labeled.batches():
                records = joined([*_records(batch, labeled), out.end])
                out.write(records, batch.amended(records, out.end, "argilla", _amended))
        return []


def _records(batch: LabeledBatch, labeled: Labeled) -> list[Part]:
    label, score = batch.json_label(), json_scores(batch.score)
    suggestion: list[Part] = ['{"label":{"value":', label, ',"score":', score, ',"agent":"weaklab"}}']
    if label.null_count or score.null_count:
        suggestion = [joined(suggestion).fill_null("{}")]
    fields = {
        "id": batch.json_ids(),
        "fields": json_object({labeled.text_name: batch.json_text()}),
        "metadata": json_object(column_texts(batch)),
        "suggestions": suggestion,
    }
    return json_object({**fields, "responses": "{}", "vectors": "{}", "_server_id": "null"})


def _nested(record: dict[str, Any], place: str) -> dict[str, Any]:
    """Return a record; a row of ``records.to_datasets()``, with a column for each part, in the form of a record."""
    if "fields" in record:
        return record
    questions = [name.removesuffix(_FLAT) for name in record if name.endswith(_FLAT)]
    if not questions:
        refuse(place, "has neither 'fields' nor a column that ends in '.responses'; wanted a record of Argilla")
    responses = {}
    for name in questions:
        values = record.pop(f"{name}.responses") or []
        users = record.pop(f"{name}.responses.users", None) or [None] * len(values)
        states = record.pop(f"{name}.responses.status", None) or [None] * len(values)
        responses[name] = [
            {"value": value, "user_id": user} | ({} if status is None else {"status": status})
            for value, user, status in zip(values, users, states, strict=False)
        ]
    name = record.pop("id", None)
    server = record.pop("_server_id", None)
    return {"id": name, "fields": record, "responses": responses, "_server_id": server}


def _question(records: Sequence[tuple[str, Mapping[str, Any]]], hints: Hints, path: Path) -> str:
    """Return the question whose values are the labels."""
    values: dict[str, set[str]] = {}
    for _, record in records:
        for name, said in (record.get("responses") or {}).items():
            given = [each.get("value") for each in said or () if isinstance(each, Mapping)]
            texts = {value for value in given if isinstance(value, str)}
            values.setdefault(name, set()).update(texts)
        for name, one in (record.get("suggestions") or {}).items():
            if isinstance(one, Mapping) and isinstance(one.get("value"), str):
                values.setdefault(name, set()).add(one["value"])
    named = [name for name, found in values.items() if found and found <= set(hints.label_names)]
    likely = named or [name for name, found in values.items() if found]
    if QUESTION in likely or not likely:
        return QUESTION
    if len(likely) > 1:
        refuse(str(path), f"the labels may be those of the questions {', '.join(map(repr, likely))}; keep one of them")
    return likely[0]


def _example(record: dict[str, Any], place: str, question: str, hints: Hints) -> Example:
    fields = taken(record, "fields", dict, place) or {}
    texts = [name for name, value in fields.items() if isinstance(value, str)]
    text_name = next((name for name in (hints.text, "text") if name in texts), texts[0] if len(texts) == 1 else None)
    if text_name is None:
        refuse(
            place,
            f"the text may be {', '.join(map(repr, texts)) or 'nothing'} of 'fields'; name it: text=...",
        )
    text = fields.pop(text_name)
    columns, other = divided(fields, hidden=(hints.id, "id", "text"))
    metadata = taken(record, "metadata", dict, place) or {}
    more, kept = divided(metadata, hidden=(hints.id, "id", "text", *columns))
    name = record.pop("id", None)
    responses = taken(record, "responses", dict, place) or {}
    answers = [_answer(each, question, place) for each in responses.pop(question, None) or ()]
    answers += [_ours(each, place) for each in taken(record, OURS, list, place) or ()]
    suggestions = taken(record, "suggestions", dict, place) or {}
    if (suggestions.get(question) or {}).get("agent") == "weaklab":
        del suggestions[question]
    found = {"fields": other, "metadata": kept, "responses": responses, "suggestions": suggestions}
    found |= {"vectors": record.pop("vectors", None), "_server_id": record.pop("_server_id", None)}
    rest = {key: value for key, value in {**found, **record}.items() if value}
    if text_name != "text":
        rest["text_name"] = text_name
    if question != QUESTION:
        rest["question"] = question
    return Example(place, None if name is None else str(name), text, {**more, **columns}, answers, rest)


def _ours(said: Any, place: str) -> Answer:
    if not isinstance(said, list) or len(said) != 4 or said[0] not in ANSWER_KINDS:
        refuse(place, f"wanted [kind, value, person, time] in {OURS!r}, got {said!r}")
    kind, value, who, at = said
    return Answer(kind, value, str(who), str(at), None, "answered")


def _answer(said: Any, question: str, place: str) -> Answer:
    if not isinstance(said, Mapping):
        refuse(place, f"wanted an object in the responses to {question!r}, got {said!r}")
    value, status, who = said.get("value"), said.get("status"), str(said.get("user_id") or "")
    if status == "discarded":
        return Answer(SKIPPED, None, who, word="discarded", raw=dict(said))
    if isinstance(value, list) and all(isinstance(each, str) for each in value) and len(value) != 1:
        return Answer(SEVERAL, value, who, word="with several labels", raw=dict(said))
    if isinstance(value, list):
        [value] = texts_in(value, question, place)
    if not isinstance(value, str):
        return Answer(OTHER, None, who, word="without a label", raw=dict(said))
    return Answer(DRAFT if status == "draft" else GIVEN, value, who, word=status or "answered", raw=dict(said))


def _amended(text: str, more: Amendments) -> str:
    record = json.loads(text)
    rest = dict(more.rest)
    text_name, question = rest.pop("text_name", None), rest.pop("question", QUESTION)
    if text_name is not None and "text" in record["fields"]:
        record["fields"][text_name] = record["fields"].pop("text")
    if QUESTION in record["suggestions"]:
        record["suggestions"][question] = record["suggestions"].pop(QUESTION)
    for name in ("fields", "metadata", "suggestions"):
        record[name] = {**record[name], **(rest.pop(name, None) or {})}
    responses = dict(rest.pop("responses", None) or {})
    given = [each for each in more.answers if each.raw or (each.kind == GIVEN and _is_user(each.annotator))]
    said = [each.raw or {"value": each.value, "user_id": each.annotator} for each in given] + more.kept
    record["responses"] = ({question: said} if said else {}) | responses
    ours = [each.key for each in more.answers if each not in given and each.raw is not False]
    return constant({**record, **rest, **({OURS: ours} if ours else {})})


def _is_user(name: str) -> bool:
    """Whether a name is the id of a user of Argilla, without which a response is refused there."""
    with contextlib.suppress(ValueError):
        return bool(uuid.UUID(name))
    return False
