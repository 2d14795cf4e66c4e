"""Passes hard texts through the libraries of other tools: they read what weaklab writes, weaklab reads what they write.

    pip install label-studio-sdk==2.1.2 datasets==5.2.0 spacy==3.8.18 argilla==2.8.0
    python -m benchmarks.exchange_tools [--only label-studio]

Prodigy is a paid tool, and doccano a server: of these, spaCy trains a text classifier on the lines for Prodigy, and the
lines for doccano are read by its own rule, as its import has it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from weaklab import Project, keywords
from weaklab.checks.samples import HARD_TEXTS, ODD_LABELS

LABELS = ODD_LABELS


def labeled_project(folder: Path) -> Project:
    """Return a project with a record for each hard text and each label, each labeled by one of two people."""
    project = Project(folder / "project", labels=LABELS, timeout=None, weak_classifiers=[])
    texts = [*HARD_TEXTS, *(f"record {name}" for name in LABELS)]
    project.add_records([{"id": f"r{i}", "text": text} for i, text in enumerate(texts)], quiet=True)
    project.add(keywords(LABELS[0], ["astral", "record"], name="words"))
    for i in range(len(texts)):
        project.label(f"r{i}", LABELS[i % len(LABELS)], annotator=str(10 + i % 2))
    return project


def expected(project: Project) -> dict[str, str]:
    """Return text -> label."""
    texts = dict(zip(project.corpus.ids.to_pylist(), project.corpus.column("text").to_pylist(), strict=True))
    return {texts[record]: label for record, label in project.manual_labels().items()}


def read_back(folder: Path, name: str, path: Path) -> dict[str, str]:
    """Return text -> label of a file that another library has written."""
    other = Project(folder / f"back-{name}", labels=LABELS, timeout=None, weak_classifiers=[])
    other.add_records(path, format=name, quiet=True)
    return expected(other)


def label_studio(project: Project, folder: Path) -> str:
    """The SDK validates each task against the config, finds spans by their offsets, and converts the annotations."""
    from label_studio_sdk.converter import Converter
    from label_studio_sdk.label_interface import LabelInterface

    path = folder / "tasks.json"
    project.export(path, to="label-studio", spans=True)
    config = (folder / "tasks.config.xml").read_text(encoding="utf-8")
    tasks = json.loads(path.read_text(encoding="utf-8"))
    interface = LabelInterface(config)
    interface.validate()
    for number, task in enumerate(tasks, 1):
        for prediction in task["predictions"]:
            assert interface.validate_prediction(prediction), prediction
        for annotation in task["annotations"]:
            assert interface.validate_annotation({"id": number, **annotation}), annotation
    exported = [
        {**task, "id": number, "annotations": [{"id": number, **each} for each in task["annotations"]]}
        for number, task in enumerate(tasks, 1)
    ]
    path.write_text(json.dumps(exported), encoding="utf-8")
    (folder / "min").mkdir()
    Converter(config, str(folder)).convert_to_json_min(str(path), str(folder / "min"), is_dir=False)
    [written] = (folder / "min").glob("*.json")
    rows = json.loads(written.read_text(encoding="utf-8"))
    assert {row["text"]: row["label"] for row in rows} == expected(project)
    Converter(config, str(folder)).convert_to_json(str(path), str(folder / "full"), is_dir=False)
    [written] = (folder / "full").glob("*.json")
    assert read_back(folder, "label-studio", written) == expected(project)
    return f"{len(rows)} tasks valid, converted to JSON and JSON_MIN, read back"


def hugging_face(project: Project, folder: Path) -> str:
    """``datasets`` loads the classes by name, and writes Parquet that comes back."""
    from datasets import Dataset, load_dataset

    path = folder / "out.parquet"
    project.export(path, to="hugging-face")
    data = load_dataset("parquet", data_files=str(path), split="train", cache_dir=str(folder / "cache"))
    assert isinstance(data, Dataset)
    names = [data.features["label"].int2str(code) for code in data["label"]]
    assert dict(zip(data["text"], names, strict=True)) == expected(project)
    data.to_parquet(folder / "back.parquet")
    assert read_back(folder, "hugging-face", folder / "back.parquet") == expected(project)
    return f"{len(data)} rows with {data.features['label'].num_classes} classes, read back"


def prodigy(project: Project, folder: Path) -> str:
    """SpaCy reads the lines as its own ``srsly`` does, and trains a text classifier on them."""
    import spacy
    import srsly
    from spacy.training import Example

    path = folder / "out.jsonl"
    project.export(path, to="prodigy")
    tasks = [task for task in srsly.read_jsonl(path) if task["answer"] == "accept"]
    assert {task["text"]: task["accept"][0] for task in tasks} == expected(project)
    nlp = spacy.blank("en")
    classifier: Any = nlp.add_pipe("textcat")
    for name in LABELS:
        classifier.add_label(name)
    examples = [
        Example.from_dict(
            nlp.make_doc(task["text"]), {"cats": {name: float(name in task["accept"]) for name in LABELS}}
        )
        for task in tasks
    ]
    nlp.initialize(lambda: examples)
    losses: dict[str, float] = {}
    for _ in range(3):
        nlp.update(examples, losses=losses)
    srsly.write_jsonl(folder / "back.jsonl", srsly.read_jsonl(path))
    assert read_back(folder, "prodigy", folder / "back.jsonl") == expected(project)
    return f"{len(tasks)} lines, trained (loss {losses['textcat']:.3f}), read back"


def doccano(project: Project, folder: Path) -> str:
    """A line holds a text and a list of label names, as doccano's import wants them."""
    path = folder / "out.jsonl"
    project.export(path, to="doccano")
    lines = [json.loads(line) for line in path.open(encoding="utf-8")]
    assert {line["text"]: line["label"][0] for line in lines} == expected(project)
    assert [each["text"] for each in json.loads((folder / "out.labels.json").read_text("utf-8"))] == list(LABELS)
    back = [{"id": i, "text": each["text"], "label": each["label"], "Comments": []} for i, each in enumerate(lines)]
    (folder / "all.jsonl").write_text("\n".join(json.dumps(each, ensure_ascii=False) for each in back), "utf-8")
    assert read_back(folder, "doccano", folder / "all.jsonl") == expected(project)
    return f"{len(lines)} lines, read back"


def argilla(project: Project, folder: Path) -> str:
    """``Record.from_dict`` takes each record, and ``to_dict`` gives it back."""
    from argilla import Record

    path = folder / "out.json"
    project.export(path, to="argilla")
    records = json.loads(path.read_text(encoding="utf-8"))
    found = [Record.from_dict(record) for record in records]
    assert {each.fields["text"]: each.suggestions["label"].value for each in found} == expected(project)
    back = [each.to_dict() | {"weaklab_answers": r["weaklab_answers"]} for each, r in zip(found, records, strict=True)]
    (folder / "back.json").write_text(json.dumps(back, default=str), "utf-8")
    assert read_back(folder, "argilla", folder / "back.json") == expected(project)
    return f"{len(found)} records, read back"


TOOLS: dict[str, tuple[str, Callable[[Project, Path], str]]] = {
    "label-studio": ("label-studio-sdk", label_studio),
    "hugging-face": ("datasets", hugging_face),
    "prodigy": ("spacy", prodigy),
    "argilla": ("argilla", argilla),
    "doccano": ("", doccano),
}


def main() -> None:
    """Print a line for each tool."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=sorted(TOOLS))
    chosen = parser.parse_args().only
    for name, (package, check) in TOOLS.items():
        if chosen in (None, name):
            with tempfile.TemporaryDirectory() as place:
                folder = Path(place)
                said = check(labeled_project(folder), folder)
            print(f"{name:14} {package} {version(package) if package else ''}: {said}", flush=True)


if __name__ == "__main__":
    main()
