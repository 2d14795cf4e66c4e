"""Label Studio: a JSON array of tasks, with the annotations of people and one prediction for each voter."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

import numpy as np

from weaklab.core.files import replacing
from weaklab.core.labels import ABSTAIN
from weaklab.exchange.json_text import Part, constant, joined, json_object, json_scores, json_texts
from weaklab.exchange.text_streams import short
from weaklab.exchange.tools.base import (
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
    Span,
    Voter,
)
from weaklab.exchange.tools.fields import JsonOut, column_texts, divided, json_array, refuse, taken, texts_in, time_of

if TYPE_CHECKING:
    import pyarrow as pa

CHOICES, FOUND = "label", "found"
"""Names of the two tags of the labeling config: the label of the task, and what heuristics found in the text."""
WEAKLAB = "weaklab"


@FORMATS.named("label-studio")
class LabelStudio(Format):
    """Label Studio JSON: tasks with annotations and predictions, and the labeling config beside them."""

    title = "Label Studio JSON"
    endings = (".json",)
    needs_text = False
    holds_spans = True

    def recognises(self, head: Head) -> bool:
        return (
            head.kind == ".json"
            and head.all_have("data")
            and all(
                isinstance(task["data"], dict)
                and any(isinstance(task.get(name), list) for name in ("annotations", "predictions", "completions"))
                for task in head.records
            )
        )

    def read(self, path: Path, hints: Hints) -> Iterator[Example]:
        for place, task in json_array(path, hints):
            data = taken(task, "data", dict, place)
            if data is None:
                refuse(place, 'has no \'data\'; wanted a task of Label Studio, {"data": {...}, "annotations": [...]}')
            text_name = _text_name(data, hints, place)
            text = taken(data, text_name, str, place) if text_name else None
            name = next((data.pop(key) for key in (hints.id, "id", "ref_id") if key in data), task.get("id"))
            columns, other = divided(data, hidden=("id", "text"))
            answers = [*_annotations(task, place), *_drafts(task, place)]
            names = {} if text_name in ("text", None) else {"text_name": text_name}
            rest = task | ({"data": other} if other else {}) | names
            rest["predictions"] = _of_others(rest.get("predictions"), [WEAKLAB])
            rest = {key: value for key, value in rest.items() if key != "predictions" or value}
            yield Example(place, None if name is None else str(name), text, columns, answers, rest)

    def write(self, labeled: Labeled, path: Path) -> list[Path]:
        config = path.with_name(f"{path.stem}.config.xml")
        with replacing(config) as temporary:
            temporary.write_text(labeling_config(labeled), encoding="utf-8")
        amend = partial(_amended, {WEAKLAB, *(voter.name for voter in labeled.voters)})
        with JsonOut(path, array=True) as out:
            for batch in labeled.batches():
                tasks = joined([*_tasks(batch, labeled), out.end])
                instead = batch.amended(tasks, out.end, "label-studio", amend)
                out.write(tasks, instead if labeled.spans is None else _with_spans(tasks, instead, batch, labeled))
        return [config]


# ---- reading


def _text_name(data: Mapping[str, Any], hints: Hints, place: str) -> str | None:
    """Return the field of ``data`` that is the text."""
    known = [name for name in (hints.text, "text") if name and name in data]
    texts = [name for name, value in data.items() if isinstance(value, str) and name not in (hints.id, "id", "ref_id")]
    if known or len(texts) == 1:
        return (known or texts)[0]
    if texts:
        refuse(
            place, f"the text may be in {', '.join(map(repr, texts))} of 'data'; name it: text={texts[0]!r} (--text)"
        )
    return None


def _who(person: Any) -> str:
    if isinstance(person, Mapping):
        person = person.get("email") or person.get("username") or person.get("id")
    return "" if person is None else str(person)


def _annotations(task: dict[str, Any], place: str) -> Iterator[Answer]:
    names = (task.get("meta") or {}).get("annotators") if isinstance(task.get("meta"), dict) else None
    found = taken(task, "annotations", list, place) or taken(task, "completions", list, place) or []
    for number, annotation in enumerate(found):
        inside = f"{place}, annotation {number}"
        kind, value = _meaning(annotation, inside)
        who = _who(annotation.get("completed_by"))
        if not who and isinstance(names, list) and len(names) == len(found):
            who = _who(names[number])
        at = time_of(annotation.get("updated_at") or annotation.get("created_at"))
        took = annotation.get("lead_time")
        seconds = float(took) if isinstance(took, (int, float)) and took >= 0 else None
        word = {SKIPPED: "skipped", GIVEN: "annotated", SEVERAL: "with several labels"}.get(kind, "without a choice")
        yield Answer(kind, value, who, at, seconds, word, annotation)


def _drafts(task: Mapping[str, Any], place: str) -> Iterator[Answer]:
    """Return the drafts, which stay in the task as they are."""
    for number, draft in enumerate(task.get("drafts") or ()):
        if isinstance(draft, Mapping):
            kind, value = _meaning(draft, f"{place}, draft {number}")
            if kind == GIVEN:
                at = time_of(draft.get("updated_at") or draft.get("created_at"))
                yield Answer(DRAFT, value, _who(draft.get("user")), at, None, "in draft", False)


def _meaning(annotation: Any, place: str) -> tuple[str, Any]:
    """Return what an annotation says of the whole text; regions of other types say nothing about it."""
    if not isinstance(annotation, Mapping):
        refuse(place, f"wanted an object, got {type(annotation).__name__} {short(annotation)}")
    if annotation.get("was_cancelled"):
        return SKIPPED, None
    regions = annotation.get("result")
    if not isinstance(regions, list):
        refuse(place, f"wanted a list of regions in 'result', got {type(regions).__name__} {short(regions)}")
    chosen = [
        texts_in((region.get("value") or {}).get("choices") or (), "choices", place)
        for region in regions
        if isinstance(region, Mapping) and region.get("type") == "choices"
    ]
    if len(chosen) > 1:
        refuse(place, f"has {len(chosen)} regions of type 'choices'; wanted one <Choices> a task")
    if not chosen or not chosen[0]:
        return OTHER, None
    return (GIVEN, chosen[0][0]) if len(chosen[0]) == 1 else (SEVERAL, chosen[0])


def _of_others(predictions: Any, ours: Collection[str]) -> list[Any]:
    """Return the predictions that weaklab did not write, and will not write again."""
    return [
        each
        for each in (predictions or () if isinstance(predictions, list) else ())
        if not (isinstance(each, Mapping) and each.get("model_version") in ours)
    ]


# ---- writing


def _choice(label: str) -> dict[str, Any]:
    return {"from_name": CHOICES, "to_name": "text", "type": "choices", "value": {"choices": [label]}}


def _tasks(batch: LabeledBatch, labeled: Labeled) -> list[Part]:
    text = {} if batch.text is None else {labeled.text_name: batch.json_text()}
    data = json_object({labeled.id_name: batch.json_ids(), **text, **column_texts(batch)})
    return json_object({"data": data, "predictions": ["[", *_predictions(batch, labeled), "]"]})


def _predictions(batch: LabeledBatch, labeled: Labeled) -> list[Part]:
    """Return the predictions of the committee and of each member that votes, separated by commas."""
    import pyarrow.compute as pc

    label, score = batch.json_label(), json_scores(batch.score)
    head, tail = _around(constant(WEAKLAB))
    first: list[Part] = [head, score, tail, label, _END]
    others = [_said(voter, batch, labeled) for voter in labeled.voters]
    if not label.null_count and not score.null_count:
        return [*first, *others]
    return [pc.replace_substring_regex(joined([joined(first).fill_null(""), *others]), "^,", "")]


_END = "]}}]}"


def _around(name: str) -> tuple[str, str]:
    """Return what stands before the score of a prediction, and between the score and the label."""
    region = f'"from_name":"{CHOICES}","to_name":"text","type":"choices","value":{{"choices":['
    return f'{{"model_version":{name},"score":', f',"result":[{{{region}'


def _said(voter: Voter, batch: LabeledBatch, labeled: Labeled) -> pa.Array:
    """Return the prediction of one member on each record with a comma before it, empty where it does not vote."""
    import pyarrow as pa
    import pyarrow.compute as pc

    head, tail = _around(constant(voter.name))
    codes, scores = batch.codes(voter), batch.scores(voter)
    places = pa.array(np.where(codes == ABSTAIN, len(labeled.labels), codes), pa.int64())
    if (scores == 1).all():
        known = [f",{head}1{tail}{constant(name)}{_END}" for name in labeled.labels]
        return pa.array([*known, ""], pa.large_string()).take(places)
    names = pa.array([constant(name) for name in (*labeled.labels, "")], pa.large_string()).take(places)
    whole = joined([f",{head}", json_texts(pa.array(scores)).fill_null("0"), tail, names, _END])
    return pc.if_else(pa.array(codes == ABSTAIN), "", whole)


def _amended(ours: Collection[str], text: str, more: Amendments) -> str:
    said = [each for each in more.answers if each.raw is not False and each.kind in (GIVEN, SKIPPED, SEVERAL)]
    found: dict[str, Any] = {"annotations": [each.raw or _annotation(each) for each in said] + more.kept}
    names = [each.annotator for each in said]
    if any(name and not name.isdecimal() for name, each in zip(names, said, strict=True) if each.raw is None):
        found["meta"] = {**(more.rest.get("meta") or {}), "annotators": names + [None] * len(more.kept)}
    if not more.rest:
        return f"{text[:-1]},{constant(found)[1:]}"
    rest, task = dict(more.rest), json.loads(text)
    text_name = rest.pop("text_name", None)
    data = {**task["data"], **rest.pop("data", {})}
    if text_name is not None and "text" in data:
        data[text_name] = data.pop("text")
    predictions = task["predictions"] + _of_others(rest.pop("predictions", None), ours)
    return constant({**rest, "data": data, "predictions": predictions, **found})


def _annotation(answer: Answer) -> dict[str, Any]:
    labels = answer.value if answer.kind == SEVERAL else [answer.value]
    found: dict[str, Any] = {
        "result": [] if answer.kind == SKIPPED else [_choice("") | {"value": {"choices": labels}}],
        "was_cancelled": answer.kind == SKIPPED,
    }
    if answer.annotator.isdecimal():  # any other user is unknown there, and the import would fail
        found["completed_by"] = int(answer.annotator)
    if answer.seconds is not None:
        found["lead_time"] = answer.seconds
    return found | ({"created_at": answer.at, "updated_at": answer.at} if answer.at else {})


def _with_spans(tasks: pa.Array, instead: dict[int, str], batch: LabeledBatch, labeled: Labeled) -> dict[int, str]:
    """Add what heuristics found in the texts to their predictions."""
    assert labeled.spans is not None
    found = dict(instead)
    for row, text in enumerate(tasks.to_pylist()):
        if spans := labeled.spans(batch.start + row):
            found[row] = constant(_spans_in(json.loads(instead.get(row, text[:-2])), spans, labeled))
    return found


def _spans_in(task: dict[str, Any], spans: Any, labeled: Labeled) -> dict[str, Any]:
    text = task["data"].get(labeled.text_name, "")
    predictions = {each["model_version"]: each for each in task["predictions"]}
    for number, span in enumerate(spans):
        if span.voter in predictions:
            predictions[span.voter]["result"].append(_region(span, text, number))
    return task


def _region(span: Span, text: str, number: int) -> dict[str, Any]:
    start = utf16_offset(text, span.start)
    end = start + utf16_offset(text[span.start :], span.end - span.start)
    value = {"start": start, "end": end, "text": text[span.start : span.end], "labels": [span.label]}
    name = f"{span.voter}-{number}".encode().hex()
    return {"id": name, "from_name": FOUND, "to_name": "text", "type": "labels", "value": value}


def utf16_offset(text: str, offset: int) -> int:
    r"""Return the place of a character as JavaScript counts: characters beyond U+FFFF are two.

    >>> utf16_offset("\N{PARTY POPPER} prize", 2)
    3
    """
    return offset + sum(character > "\uffff" for character in text[:offset])


def labeling_config(labeled: Labeled) -> str:
    """Return the labeling config of a project in Label Studio into which the tasks can be imported."""
    choices = "".join(f"\n    <Choice value={_attribute(name)}/>" for name in labeled.labels)
    shown = labeled.text_name if labeled.text is not None else next(iter(labeled.columns), "id")
    spans = ""
    if labeled.spans is not None:
        labels = "".join(f"\n    <Label value={_attribute(name)}/>" for name in labeled.labels)
        spans = f'  <Labels name="{FOUND}" toName="text">{labels}\n  </Labels>\n'
    return (
        f'<View>\n  <Text name="text" value={_attribute("$" + shown)}/>\n'
        f'  <Choices name="{CHOICES}" toName="text" choice="single">{choices}\n  </Choices>\n{spans}</View>\n'
    )


def _attribute(value: str) -> str:
    return quoteattr(value, {"\n": "&#10;", "\t": "&#9;", "\r": "&#13;"})
