"""Files of other labeling tools, in and out."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import weaklab
from weaklab.checks import checks_of
from weaklab.core.errors import WeaklabError
from weaklab.exchange.tools import FORMATS, Answer, Hints, Labeled, format_of


@pytest.mark.parametrize("check", checks_of("format"))
@pytest.mark.parametrize("name", FORMATS.names())
def test_every_format(check, name):
    check(format_of(name))


LABELS = st.sampled_from(["ham", "not spam, #", "\u6f22"])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=st.lists(st.tuples(TEXTS, st.none() | LABELS, st.none() | st.integers(-(2**63), 2**63 - 1)), max_size=6))
@pytest.mark.parametrize("name", [name for name in FORMATS.names() if not FORMATS[name].one_line])
def test_any_text_comes_back(name, records, tmp_path):
    """Texts, ids, numbers beside the text and labels, of any Unicode characters, in every format that has ids."""
    texts, labels, numbers = (
        pa.array(list(column), kind)
        for column, kind in zip(
            zip(*records, strict=True) if records else ([], [], []),
            (pa.large_string(), pa.large_string(), pa.int64()),
            strict=True,
        )
    )
    answers = {row: [Answer("label", label)] for row, (_, label, _) in enumerate(records) if label is not None}
    labeled = Labeled(
        ids=pa.array([f"id{row}" for row in range(len(records))], pa.large_string()), text=texts,
        columns={"n": numbers}, label=labels, score=pa.array([0.5] * len(records), pa.float64()),
        labels=("ham", "not spam, #", "\u6f22"), answers=answers,
    )  # fmt: skip
    path = tmp_path / f"out{FORMATS[name].endings[0]}"
    format_of(name).write(labeled, path)
    found = list(format_of(name).read(path, Hints(label_names=labeled.labels)))
    given = [each.gold or next((a.value for a in each.answers if a.kind == "label"), None) for each in found]
    assert [(each.text, label) for each, label in zip(found, given, strict=True)] == [record[:2] for record in records]
    if name != "snorkel":
        assert [each.columns.get("n") for each in found] == [number for _, _, number in records]


def project(tmp_path, labels=("ham", "spam"), name="p"):
    return weaklab.Project(tmp_path / name, labels=list(labels), timeout=None, weak_classifiers=[])


def written(path, rows):
    lines = path.suffix == ".jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) if lines else json.dumps(rows), encoding="utf-8")
    return path


def read_back(path):
    text = path.read_text(encoding="utf-8")
    return list(map(json.loads, text.splitlines())) if path.suffix == ".jsonl" else json.loads(text)


def said(held):
    """What stands in the journal, as (kind, record, value, annotator)."""
    events = held.workspace.journal.events()
    return [(e.kind, e.record, e.value, e.annotator) for e in events if "fields" not in (e.value or {})]


PRODIGY = [
    {
        "text": "win",
        "label": "spam",
        "answer": "accept",
        "_input_hash": 1,
        "_annotator_id": "d-ann",
        "_timestamp": 1700000000,
    },
    {"text": "lunch", "label": "spam", "answer": "reject", "_input_hash": 2, "_session_id": "d-bob", "priority": 0.5},
    {"text": "ok", "options": [{"id": "ham"}, {"id": "spam"}], "accept": ["ham"], "answer": "accept", "_input_hash": 3},
    {"text": "?", "label": "spam", "answer": "ignore", "_input_hash": 4, "meta": {"source": "web", "deep": {"x": [1]}}},
    {"text": "win", "label": "ham", "answer": "accept", "_input_hash": 1, "_annotator_id": "d-bob", "_view_id": "c"},
    {"text": "new", "label": "spam", "_input_hash": 5, "custom": None},
]


def test_prodigy_answers_come_with_people_and_times_and_are_written_as_they_were(tmp_path):
    held = project(tmp_path)
    receipt = held.add_records(written(tmp_path / "in.jsonl", PRODIGY), quiet=True)
    assert receipt.notes[0].startswith("read as Prodigy JSONL, recognised by its fields")
    assert "3 accepted, 1 rejected, 1 ignored by d-ann, d-bob" in receipt.notes[0]
    assert receipt.labels == {"spam": 1, "ham": 3}
    assert said(held) == [
        ("label", "1", "spam", "d-ann"),
        ("label", "1", "ham", "d-bob"),
        ("label", "2", "ham", "d-bob"),  # not spam, and there are two labels
        ("label", "3", "ham", "import"),
        ("skip", "4", None, "import"),
    ]
    assert held.history()["at"][0] == "2023-11-14T22:13:20+00:00"
    assert held.undo() is None  # nothing of it was done in this session
    assert held.corpus.column("source").to_pylist() == [None, None, None, "web", None]
    held.export(tmp_path / "out.jsonl", to="prodigy")
    back = read_back(tmp_path / "out.jsonl")
    for line in back:
        line["meta"].pop("score")
        line.pop("meta" if not line["meta"] else "", None)
    assert sorted(back, key=str) == sorted(PRODIGY, key=str)


def test_not_this_label_is_kept_and_used_where_one_label_is_left(tmp_path):
    held = project(tmp_path, ["a", "b", "c"])
    lines = [
        {"text": text, "label": label, "answer": "reject", "_annotator_id": "Ann"}
        for text, label in [("one", "a"), ("two", "a"), ("two", "c")]
    ]
    receipt = held.add_records(written(tmp_path / "in.jsonl", lines), quiet=True)
    one, two = held.workspace.rows.ids
    assert said(held) == [
        ("note", one, {"not": "a"}, "Ann"),
        ("note", two, {"not": "a"}, "Ann"),
        ("note", two, {"not": "c"}, "Ann"),
        ("label", two, "b", "Ann"),
    ]
    assert any("3 answers that say what a record is not are kept" in note for note in receipt.notes)
    held.export(tmp_path / "out.jsonl", to="prodigy")
    assert [(line["text"], line["label"], line["answer"]) for line in read_back(tmp_path / "out.jsonl")] == [
        ("one", "a", "reject"), ("two", "a", "reject"), ("two", "c", "reject"),
    ]  # fmt: skip


def choice(label, **more):
    return {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [label]}, **more}


TASKS = [
    {
        "id": 7,
        "inner_id": 1,
        "file_upload": "x.json",
        "data": {"text": "win", "lang": "en", "tags": ["a", {"b": None}], "big": 2**70},
        "annotations": [
            {"id": 3, "completed_by": 10,
             "result": [choice("spam", id="x1"), {"id": "r", "type": "rating", "value": {"rating": 4}}],
             "was_cancelled": False, "ground_truth": True, "lead_time": 4.5, "updated_at": "2026-01-31T12:00:00.5Z"},
            {"id": 4, "completed_by": {"id": 11, "email": "bo@x.org"}, "result": [], "was_cancelled": True},
            {"id": 5, "completed_by": 12, "result": [{"id": "r", "type": "rating", "value": {"rating": 1}}]},
        ],
        "drafts": [{"user": "cy@x.org", "result": [choice("ham")], "created_at": "2026-02-01T00:00:00Z"}],
        "predictions": [{"model_version": "their own", "score": 0.1, "result": []}],
    }
]  # fmt: skip


def test_label_studio_keeps_what_weaklab_does_not_use(tmp_path):
    held = project(tmp_path)
    receipt = held.add_records(written(tmp_path / "in.json", TASKS), format="label_studio", quiet=True)
    assert receipt.notes[0].startswith(
        "read as Label Studio JSON: 1 annotated, 1 skipped, 1 without a choice, 1 in draft"
    )
    assert receipt.notes[0].endswith("by 10, 12, bo@x.org, cy@x.org")
    assert said(held) == [
        ("label", "7", "spam", "10"), ("skip", "7", None, "bo@x.org"), ("note", "7", {"draft": "ham"}, "cy@x.org"),
    ]  # fmt: skip
    assert held.history()["seconds"][0] == 4.5
    held.export(tmp_path / "out.json", to="label-studio")
    [back] = read_back(tmp_path / "out.json")
    [task] = TASKS
    assert back["data"].pop("id") == "7"
    assert back["predictions"].pop(0)["model_version"] == "weaklab"
    assert back == task
    held.label("7", "ham", annotator="10")
    held.export(tmp_path / "out.json", to="label-studio")
    [back] = read_back(tmp_path / "out.json")
    assert [each["result"][0]["value"] for each in back["annotations"][1:] if each["result"]] == [
        {"choices": ["ham"]},
        {"rating": 1},
    ]


def test_spans_for_label_studio_count_as_javascript_does(tmp_path):
    held = project(tmp_path)
    text = "\U0001f389\U0001f389 win a prize"
    held.add_records([{"id": "a", "text": text}], quiet=True)
    held.add(weaklab.keywords("spam", ["prize"]))
    held.export(tmp_path / "out.json", to="label-studio", spans=True)
    [task] = read_back(tmp_path / "out.json")
    [region] = [each for each in task["predictions"][1]["result"] if each["type"] == "labels"]
    units = text.encode("utf-16-le")
    value = region["value"]
    assert units[2 * value["start"] : 2 * value["end"]].decode("utf-16-le") == "prize" == value["text"]


def test_the_config_beside_the_tasks_names_all_labels(tmp_path):
    from xml.etree import ElementTree

    from weaklab.checks.samples import ODD_LABELS

    held = project(tmp_path, ODD_LABELS)
    held.add_records([{"id": "a", "body text": "x"}], text="body text", quiet=True)
    held.export(tmp_path / "out.json", to="label-studio")
    view = ElementTree.parse(tmp_path / "out.config.xml").getroot()
    assert [each.get("value") for each in view.iter("Choice")] == list(ODD_LABELS)
    assert view.find("Text").get("value") == "$body text"


def test_answers_from_elsewhere_join_records_that_are_there_once(tmp_path):
    held = project(tmp_path)
    held.add_records([{"id": "a", "text": "win"}, {"id": "b", "text": "lunch"}], quiet=True)
    held.label("a", "spam", annotator="Ann")
    for name, path in [("label-studio", tmp_path / "out.json"), ("prodigy", tmp_path / "out.jsonl")]:
        held.export(path, to=name)
        tasks = read_back(path)
        before = said(held)
        held.add_records(path, skip_known=True, quiet=True)
        assert [each for each in said(held) if each not in before] == []
        if name == "prodigy":
            tasks[1] |= {"answer": "accept", "accept": ["ham"], "_annotator_id": "Bo"}
        else:
            tasks[1]["annotations"] = [{"completed_by": 12, "result": [choice("ham")]}]
        written(path, tasks)
        for _ in range(2):
            receipt = held.add_records(path, skip_known=True, quiet=True)
        assert (int(receipt), len(held)) == (0, 2)
        assert any("came in no second time" in note for note in receipt.notes)
    assert [each for each in said(held) if each[0] == "label"] == [
        ("label", "a", "spam", "Ann"), ("label", "b", "ham", "12"), ("label", "b", "ham", "Bo"),
    ]  # fmt: skip
    with pytest.raises(WeaklabError, match="is in the project already"):
        held.add_records(path, quiet=True)


def test_labels_that_doccano_shows_are_no_answers_until_somebody_changes_them(tmp_path):
    held = project(tmp_path)
    held.add_records([{"id": name, "text": f"win {name}"} for name in "abc"], quiet=True)
    held.add(weaklab.keywords("spam", ["win"]))
    held.label("a", "spam", annotator="Ann")
    path = tmp_path / "out.jsonl"
    held.export(path, to="doccano")
    lines = read_back(path)
    assert [line["label"] for line in lines] == [["spam"]] * 3
    lines[2] |= {"label": ["ham"]}
    other = project(tmp_path, name="q")
    receipt = other.add_records(written(path, lines), format="doccano", quiet=True)
    assert other.manual_labels() == {"a": "spam", "c": "ham"}
    assert "1 unchanged from what weaklab suggested, so no answers" in receipt.notes[0]


def test_doccano_files_of_several_people_are_one_folder(tmp_path):
    folder = tmp_path / "export"
    folder.mkdir()
    for who, label in [("ann", ["spam"]), ("bob", ["ham"]), ("cy", ["ham", "spam"])]:
        written(folder / f"{who}.jsonl", [{"id": 1, "text": "win", "label": label, "Comments": [], "source": "web"}])
    held = project(tmp_path)
    held.add_records(folder, format="doccano", quiet=True)
    assert said(held) == [
        ("label", "1", "spam", "ann"), ("label", "1", "ham", "bob"), ("note", "1", {"labels": ["ham", "spam"]}, "cy"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("prodigy", '{"text": "a"}\n{"text": 1, "answer": "accept"}', ":2: wanted a text in 'text', got int 1"),
        ("prodigy", '{"text": "a", "answer": "maybe"}', ":1: wanted accept, reject or ignore in 'answer', got 'maybe'"),
        ("prodigy", '{"text": "a"}\n{"text": "b"', ":2: not JSON"),
        ("prodigy", '{"text": "a", "text": "b"}', ":1: the key 'text' stands more than once"),
        ("prodigy", '{"text": "a", "label": "spma", "answer": "accept"}', ":1: 'spma' is not a label; did you mean"),
        ("prodigy", '{"text": "a", "id": 1}\n{"text": "b", "id": 1}', ":2: has the id '1' of .*:1 and another text"),
        ("label-studio", '[{"data": {"text": "a"}}, {"id": 3}]', "record 1: has no 'data'"),
        ("label-studio", '[{"data": {"a": "x", "b": "y"}}]', r"record 0: the text may be in 'a', 'b' .*\(--text\)"),
        ("label-studio", '[{"data": {"text": "a"}, "annotations": [{"result": 3}]}]', "annotation 0: wanted a list of"),
        ("label-studio", '[{"data": {"text": "a"}},\n{"data"}]', "line 2: not JSON"),
        ("doccano", '{"text": "a", "label": 3}', ":1: wanted a list of label names in 'label', got int 3"),
        ("doccano", '{"label": ["spam"]}', ":1: has no 'text'"),
    ],
)  # fmt: skip
def test_malformed_files_are_refused_with_place_and_reason(tmp_path, name, content, message):
    path = tmp_path / f"in{FORMATS[name].endings[0]}"
    path.write_text(content)
    held = project(tmp_path)
    with pytest.raises(WeaklabError, match=message):
        held.add_records(path, format=name, quiet=True)
    assert len(held) == len(said(held)) == 0


def test_a_table_stays_a_table_where_columns_are_named(tmp_path):
    path = written(tmp_path / "in.jsonl", PRODIGY[:1])
    for wanted in ({"format": "table"}, {"label": "label"}):
        held = project(tmp_path, name=str(wanted)[2:8])
        receipt = held.add_records(path, quiet=True, **wanted)
        assert "answer" in receipt.role("kept")[0] or "answer" in receipt.role("kept")
    with pytest.raises(WeaklabError, match="label='label' names a column of a table"):
        held.add_records(path, format="prodigy", label="label")
    with pytest.raises(WeaklabError, match="no exchange format named 'prodgy'; did you mean 'prodigy'"):
        held.add_records(path, format="prodgy")


def test_options_that_do_not_fit_a_format_are_refused(tmp_path):
    held = project(tmp_path)
    held.add_records([{"id": "a", "n": 1}], quiet=True)
    for arguments, message in [
        ({"to": "prodigy"}, "the records have no text"),
        ({"to": "label-studio"}, "written to a file that ends in .json, got 'out.jsonl'; such as out.json"),
        ({"to": "prodigy", "intervals": True}, "has no place for that"),
        ({"to": "prodigy", "spans": True}, "is written without spans"),
        ({"spans": True}, "spans=True is for to='label-studio'"),
    ]:
        with pytest.raises(WeaklabError, match=message):
            held.export(tmp_path / "out.jsonl", **arguments)
    assert not (tmp_path / "out.jsonl").exists()


RECORDS = [
    {
        "id": "a",
        "fields": {"text": "win", "extra": {"deep": 1}},
        "metadata": {"lang": "en"},
        "suggestions": {"sentiment": {"value": "ham", "score": 0.4, "agent": "model"}},
        "responses": {
            "sentiment": [
                {"value": "spam", "user_id": "11111111-1111-1111-1111-111111111111"},
                {"value": "ham", "user_id": "22222222-2222-2222-2222-222222222222", "status": "draft"},
            ],
            "why": [{"value": "a prize", "user_id": "11111111-1111-1111-1111-111111111111"}],
        },
        "vectors": {"v": [0.1, 0.2]},
        "_server_id": "x",
    }
]


def test_argilla_keeps_what_weaklab_does_not_use(tmp_path):
    held = project(tmp_path)
    receipt = held.add_records(written(tmp_path / "in.json", RECORDS), quiet=True)
    assert receipt.notes[0].startswith("read as Argilla JSON, recognised by its fields")
    assert [each[:3] for each in said(held)] == [("label", "a", "spam"), ("note", "a", {"draft": "ham"})]
    held.export(tmp_path / "out.json", to="argilla")
    [back], [record] = read_back(tmp_path / "out.json"), RECORDS
    assert back == record
    held.label("a", "ham", annotator="Ann")
    held.export(tmp_path / "out.json", to="argilla")
    other = project(tmp_path, name="q")
    other.add_records(tmp_path / "out.json", quiet=True)
    assert ("label", "a", "ham", "Ann") in said(other)


def test_argilla_rows_of_a_data_set_have_states(tmp_path):
    row = {"id": "a", "text": "win", "_server_id": "x",
           "label.responses": ["spam", "ham", "spam"], "label.responses.users": ["1", "2", "3"],
           "label.responses.status": ["submitted", "discarded", "draft"]}  # fmt: skip
    held = project(tmp_path)
    held.add_records(written(tmp_path / "in.jsonl", [row]), format="argilla", quiet=True)
    assert said(held) == [
        ("label", "a", "spam", "1"), ("skip", "a", None, "2"), ("note", "a", {"draft": "spam"}, "3"),
    ]  # fmt: skip


def test_votes_and_gold_labels_go_out_for_wrench_and_snorkel(tmp_path):
    held = project(tmp_path)
    rows = [{"id": "a", "text": "win", "y": "spam"}, {"id": "b", "text": "lunch", "y": None}]
    held.add_records(rows, gold="y", quiet=True)
    held.add(weaklab.keywords("spam", ["win"], name="prizes"))
    held.label("b", "ham")
    held.export(tmp_path / "train.json", to="wrench")
    assert read_back(tmp_path / "train.json")["0"] == {
        "label": 1, "weak_labels": [1], "data": {"text": "win", "id": "a"},
    }  # fmt: skip
    held.export(tmp_path / "L.npz", to="snorkel")
    with np.load(tmp_path / "L.npz") as file:
        assert (file["L"].tolist(), file["Y"].tolist(), file["lfs"].tolist()) == ([[1], [-1]], [1, 0], ["prizes"])
    for name in ("train.json", "L.npz"):
        other = project(tmp_path, name=name.replace(".", ""))
        receipt = other.add_records(tmp_path / name, quiet=True)
        assert (other.corpus.gold(), other.manual_labels()) == (["spam", "ham"], {})
        assert receipt.gold == {"ham": 1, "spam": 1}
        votes = other.corpus.column("prizes" if name == "L.npz" else "lf_0")
        assert votes.to_pylist() == ["spam", None]


def test_a_hugging_face_file_with_several_texts_is_refused(tmp_path):
    held = project(tmp_path)
    held.add_records([{"id": "a", "body": "win", "title": "x"}], text="body", quiet=True)
    held.export(tmp_path / "out.parquet", to="hugging-face")
    with pytest.raises(WeaklabError, match="row 0: the text may be in 'body', 'title'; name it"):
        project(tmp_path, name="q").add_records(tmp_path / "out.parquet", format="hugging-face", quiet=True)


def test_hugging_face_files_have_classes(tmp_path):
    datasets = pytest.importorskip("datasets")
    held = project(tmp_path)
    held.add_records([{"id": "a", "text": "win"}, {"id": "b", "text": "lunch"}], quiet=True)
    held.add(weaklab.keywords("spam", ["win"]))
    held.label("b", "ham")
    held.export(tmp_path / "out.parquet", to="hugging-face")
    data = datasets.Dataset.from_parquet(str(tmp_path / "out.parquet"), cache_dir=str(tmp_path))
    assert [data.features["label"].int2str(code) for code in data["label"]] == ["spam", "ham"]
    data.to_parquet(tmp_path / "back.parquet")
    other = project(tmp_path, name="q")
    other.add_records(tmp_path / "back.parquet", format="hugging-face", quiet=True)
    assert other.manual_labels() == {"b": "ham"}


def test_lines_and_folders_of_text(tmp_path):
    names = ["no spam", "spam"]
    held = project(tmp_path, names)
    held.add_records(
        [{"id": i, "text": text} for i, text in enumerate(["win\na __label__prize", "lunch", "?"])], quiet=True
    )
    held.label("0", "spam")
    held.label("1", "no spam")
    for name, path in [("fasttext", tmp_path / "out.txt"), ("text-folder", tmp_path / "out")]:
        with pytest.warns(weaklab.WeaklabWarning, match="were? changed|was changed"):
            held.export(path, to=name, min_confidence=0.9)
        other = project(tmp_path, names, name)
        other.add_records(path, format=name, quiet=True)
        assert sorted(other.manual_labels().values()) == names
        assert len(other) == 3
    assert (tmp_path / "out.txt").read_text() == "__label__spam win a label__prize\n__label__no%20spam lunch\n?\n"
    assert {each.name for each in (tmp_path / "out").iterdir()} == {"no spam.txt", "spam.txt", "dataset.txt"}
    written = tmp_path / "theirs.txt"
    written.write_text("__label__no_spam lunch\n__label__spam __label__no_spam both\n")
    receipt = project(tmp_path, names, "r").add_records(written, quiet=True)
    assert "read as fastText lines, recognised by its fields" in receipt.notes[0]
    assert receipt.labels == {"no spam": 1}
