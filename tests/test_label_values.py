"""What stands in a label or gold column: names, numbers that are names, values that a map explains, and nothing
else."""

import json
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import weaklab as wl
from weaklab.core.errors import CorpusError, FaultWarning, UnknownLabelError, WeaklabError
from weaklab.core.label_reader import LabelReader, parse_map
from weaklab.core.labels import LabelNames

STARS = ["1", "2", "3", "4", "5"]


def codes(values, labels, map=None):
    reader = LabelReader(LabelNames(labels), map)
    return [reader.code(value) for value in values]


def project(path, labels, **settings):
    return wl.Project(path, labels=labels, timeout=None, **settings)


def imported(path, data, labels, role="label", **options):
    """Return id -> label name as it was imported, in the order of the records."""
    with project(path, labels) as held:
        held.add_records(data, **{role: "y"}, quiet=True, **options)
        if role == "gold":
            return dict(zip(map(str, held.corpus.ids.to_pylist()), held.corpus.gold(), strict=True))
        return held.manual_labels()


# ---- one value


@pytest.mark.parametrize(
    "value", [4, 4.0, "4", "4.0", " 4 ", np.int64(4), np.float32(4), np.uint8(4), Decimal("4.00"), pa.scalar(4).as_py()]
)
def test_a_number_is_the_label_that_is_called_so(value):
    assert codes([value], STARS) == [3]


@pytest.mark.parametrize(
    ("value", "labels"), [(0, STARS), (6, STARS), ("0", STARS), (7.5, STARS), (2, ["1", "one"]), (0, ["ham", "spam"])]
)
def test_a_number_that_is_no_name_is_never_a_position(value, labels):
    with pytest.raises(
        UnknownLabelError, match=r"is not a label; .*a number stands for no place in this list; .*map=\{"
    ):
        codes([value], labels)


@pytest.mark.parametrize(
    "value",
    [None, "", "  ", float("nan"), np.nan, pd.NA, pd.NaT, -1, -1.0, "-1", "-1.0", "NaN", "nan", "<NA>", "null", "None"],
)
def test_values_that_mean_no_label(value):
    assert codes([value], ["ham", "spam"]) == [-1]


def test_value_that_means_no_label_is_a_label_if_it_is_a_name():
    assert codes([-1, "-1.0", 0, 1], ["-1", "0", "1"]) == [0, 0, 1, 2]
    assert codes(["None", "nan", "null", ""], ["None", "nan", "null"]) == [0, 1, 2, -1]
    with pytest.raises(UnknownLabelError, match="'None' is not a label; did you mean 'none'"):
        codes(["None"], ["none", "toxic"])


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        (["True", "False"], [0, 1]),
        (["no", "true", "false"], [1, 2]),
        (["0", "1"], [1, 0]),
        (["1.0", "0.0", "2.0"], [0, 1]),
    ],
)
def test_truth_values_are_read_where_there_is_one_reading(labels, wanted):
    for yes, no in ((True, False), (np.True_, np.False_), ("True", "False"), ("TRUE", "FALSE")):
        assert codes([yes, no], labels) == wanted


@pytest.mark.parametrize(
    "labels", [["ham", "spam"], ["1", "2", "3"], ["True", "true"], ["true", "1", "0"], ["yes", "no"]]
)
def test_truth_values_are_asked_about_where_there_is_none_or_more_than_one(labels):
    with pytest.raises(
        UnknownLabelError,
        match=r"(True|TRUE) is not a label; the labels are .*; say what values stand for, such as map=",
    ):
        codes([np.True_ if "True" not in labels else "TRUE"], labels)


def test_misspelled_name_gets_the_similar_name():
    with pytest.raises(
        UnknownLabelError,
        match=r"'Spam' is not a label; did you mean 'spam'\? .* map=\{\"Spam\": \"spam\"\} .*--map Spam=spam",
    ):
        codes(["Spam"], ["ham", "spam"])


def test_the_map_that_is_shown_pairs_what_is_alike():
    for value, shown in (
        ("SPAM", 'map={"SPAM": "spam"}'),
        ("hamm", 'map={"hamm": "ham"}'),
        ("zzz", 'map={"zzz": "ham"}'),
    ):
        with pytest.raises(UnknownLabelError) as told:
            codes([value], ["ham", "spam"])
        assert shown in str(told.value)


# ---- the map


@pytest.mark.parametrize(
    ("map", "values"),
    [
        ({"1": "spam", "0": "ham"}, [1, 0, "1.0", False]),
        ({1: "spam", 0: "ham"}, ["1", 0.0, True, "0"]),
        ({True: "spam", False: "ham"}, [True, "false", 1, 0]),
        ({1.0: "spam", "0.0": "ham"}, [np.int8(1), "0", "01", Decimal(0)]),
        ({"ja": "spam", "nein": "ham", "?": None}, ["ja", "nein", " ja", "ham"]),
    ],
)
def test_a_map_is_compared_as_written_and_as_the_number(map, values):
    assert codes(values, ["ham", "spam"], map)[:2] == ([1, 0])
    assert set(codes(values, ["ham", "spam"], map)) == {0, 1}


def test_a_map_may_say_that_a_value_is_no_label_or_what_nothing_is():
    assert codes(["?", "", None, "spam"], ["ham", "spam"], {"?": None, "": "ham"}) == [-1, 0, 0, 1]


@pytest.mark.parametrize(
    ("map", "message"),
    [
        ({"1": "span"}, "stands for 'span', which is not a label; did you mean 'spam'"),
        ({"1": 0}, "stands for 0, which is not a label"),
        ({"1": "spam", "1.0": "ham"}, "'1' and '1.0' are the same"),
        ({True: "spam", "1": "ham"}, "says two things about one value"),
        ([("1", "spam")], "map must say which label each value stands for"),
        ("1=spam", "map must say which label each value stands for"),
    ],
)
def test_ambiguous_map_is_refused(map, message):
    with pytest.raises(WeaklabError, match=message):
        codes(["1"], ["ham", "spam"], map)


def test_pairs_of_the_command_line():
    assert parse_map(None) is None
    assert parse_map(["a=b=ham"]) == {"a=b": "ham"}
    for pairs, message in ((["1"], "takes VALUE=LABEL"), (["1=ham", "1=spam"], "two things about '1'")):
        with pytest.raises(WeaklabError, match=message):
            parse_map(pairs)


# ---- whole columns, from anything


def forms(values, path):
    """Yield one column of labels in every form in which a gap leaves it."""
    frame = pd.DataFrame(
        {"id": [str(i) for i in range(len(values))], "text": [f"t {i}" for i in range(len(values))], "y": values}
    )
    yield frame
    yield frame.to_dict("records")
    yield pl.from_pandas(frame)
    yield pa.Table.from_pandas(frame)
    for name, write in (("a.csv", frame.to_csv), ("a.parquet", frame.to_parquet)):
        write(path / name, index=False)
        yield path / name
    frame.to_json(path / "a.jsonl", orient="records", lines=True)
    yield path / "a.jsonl"


@pytest.mark.parametrize("role", ["label", "gold"])
@pytest.mark.parametrize(
    ("values", "labels", "map", "wanted"),
    [
        ([1.0, 0.0, np.nan], ["0", "1"], None, ["1", "0", None]),
        ([2, 5, 1], STARS, None, ["2", "5", "1"]),
        ([True, False, True], ["1", "0"], None, ["1", "0", "1"]),
        ([1.0, 0.0, np.nan], ["spam", "ham"], {"1": "spam", "0": "ham"}, ["spam", "ham", None]),
        (pd.Categorical(["ham", "spam", "ham"]), ["spam", "ham"], None, ["ham", "spam", "ham"]),
    ],
)
def test_a_column_means_the_same_whatever_holds_it(tmp_path, role, values, labels, map, wanted):
    for number, data in enumerate(forms(values, tmp_path)):
        found = imported(tmp_path / str(number), data, labels, role, map=map)
        assert [found.get(str(i)) for i in range(3)] == wanted, type(data)


@pytest.mark.parametrize("role", ["label", "gold"])
@pytest.mark.parametrize(
    ("values", "first"),
    [([1, 1, 0], "1"), (["ham", "Spam", "x"], "'Spam'"), ([True, False, None], "True"), ([0.5, None, 3], "0.5")],
)
def test_a_value_that_is_no_label_stops_the_import_and_says_where(tmp_path, role, values, first):
    rows = [{"id": f"r{i}", "text": "t", "y": value} for i, value in enumerate(values)]
    row = 1 if first == "'Spam'" else 0
    with project(tmp_path / "p", ["spam", "ham"]) as held:
        with pytest.raises(
            UnknownLabelError, match=rf"record 'r{row}', column 'y': {first} is not a label; .* map=\{{.*--map "
        ):
            held.add_records(rows, **{role: "y"})
        assert len(held) == 0
        assert held.history().empty
        assert held.add_records(rows, quiet=True) == 3


def test_the_map_that_is_shown_is_made_of_the_values_and_the_labels(tmp_path):
    rows = [{"text": f"t {i}", "y": value} for i, value in enumerate([1, 1, 0])]
    with pytest.raises(UnknownLabelError) as told:
        imported(tmp_path / "p", rows, ["spam", "ham"])
    shown = 'map={"1": "spam", "0": "ham"} (in the terminal --map 1=spam --map 0=ham), if that is what they mean'
    assert shown in str(told.value)
    with pytest.raises(UnknownLabelError) as told:
        imported(tmp_path / "q", rows, ["no", "yes"])
    assert '{"0": "no", "1": "yes"} (in the terminal --map 0=no --map 1=yes)' in str(told.value)


def test_dates_and_lists_are_no_labels(tmp_path):
    for number, value in enumerate((["spam"], pd.Timestamp("2026-01-01"), {"a": 1})):
        with pytest.raises(CorpusError, match="column 'y': wanted"):
            imported(tmp_path / str(number), [{"text": "a", "y": value}], ["ham", "spam"])


def test_read_values_are_reported(tmp_path):
    rows = [{"text": f"t {i}", "y": value} for i, value in enumerate(["1.0", "1", "ham", "", "nan"])]
    with project(tmp_path / "p", ["ham", "spam"]) as held:
        receipt = held.add_records(rows, label="y", map={"1": "spam", "7": "ham"}, quiet=True)
    assert receipt.labels == {"ham": 1, "spam": 2, "": 2}
    assert receipt.notes == [
        "y: read as: 1.0 is spam (1), 1 is spam (1), nan means no label (1)",
        "y: never occurred, though mapped: 7",
    ]


def test_map_without_a_column_is_refused(tmp_path):
    with project(tmp_path / "p", ["ham", "spam"]) as held:
        assert "map= was not used" in held.add_records(["a"], map={"1": "spam"}, quiet=True).notes[0]


# ---- crowds, simulations, replays


def test_a_crowd_reads_its_labels_like_an_import():
    rows = [
        {"item": 1.0, "worker": "A", "label": 1.0},
        {"item": 2.0, "worker": "A", "label": 0.0},
        {"item": 2.0, "worker": "B", "label": None},
    ]
    crowd = wl.Crowd(pd.DataFrame(rows), labels=["ham", "spam"], map={1: "spam", 0: "ham"})
    assert (crowd.items, crowd.workers, crowd.L.tolist(), crowd.n_labels) == (["1", "2"], ["A"], [[1], [0]], 2)
    assert list(wl.Crowd(pd.DataFrame(rows)).labels) == ["0", "1"]
    with pytest.warns(wl.WeaklabWarning, match="column 'label': mapped, but never occurred: 7"):
        wl.Crowd(pd.DataFrame(rows), labels=["0", "1"], map={7: "0"})
    with pytest.raises(UnknownLabelError, match=r"column 'label', row 1: 1 is not a label; .*map="):
        wl.Crowd(pd.DataFrame(rows), labels=["ham", "spam"])


def test_a_simulation_reads_its_gold_like_an_import():
    rows = [{"text": f"{word} {i}", "y": number} for i in range(12) for word, number in (("win", 1), ("see", 0))]
    settings = {"budgets": [10], "seeds": 1, "progress": False, "classifiers": ()}
    with pytest.raises(UnknownLabelError, match=r"gold column 'y', record '.*': 1 is not a label; .*map="):
        wl.simulate(rows, gold="y", labels=["spam", "ham"], **settings)
    assert len(wl.simulate(rows, gold="y", labels=["spam", "ham"], map={"1": "spam", "0": "ham"}, **settings).runs) == 2
    assert len(wl.simulate(rows, gold="y", **settings).runs) == 2


def test_a_replay_reads_its_gold_like_an_import(tmp_path):
    with project(tmp_path / "p", ["spam", "ham"]) as held:
        held.add_records([{"id": i, "text": f"t {i}"} for i in range(4)], quiet=True)
        with pytest.raises(UnknownLabelError, match="gold of record 0: 1 is not a label"):
            wl.replay(held, dict.fromkeys(range(4), 1), n_labels=2, batch=2)
        assert (
            wl.replay(held, {float(i): i % 2 for i in range(4)}, 4, 2, map={"1": "spam", "0": "ham"})[-1].accuracy == 1
        )
        assert held.manual_labels() == {"0": "ham", "1": "spam", "2": "ham", "3": "spam"}


# ---- what functions return


def test_a_function_may_return_a_position_only_where_labels_are_no_numbers():
    named = wl.Committee(["ham", "spam"])
    named.labeling_function(name="f")(lambda x: 1)
    assert named.vote(["a"], progress=False).L.tolist() == [[1]]
    numbered = wl.Committee(["1", "2", "3"])
    numbered.labeling_function(name="f")(lambda x: int(x.text))
    with pytest.warns(FaultWarning, match="0 is not a label; the labels are '1', '2', '3', and None abstains"):
        votes = numbered.vote(["0", "1", "3", "-1"], progress=False)
    assert votes.L.ravel().tolist() == [-1, 0, 2, -1]
    assert [fault.exception for fault in votes.faults] == ["UnknownLabelError"]


# ---- class names that come with the data


def class_table(codes, names=("neg", "pos")):
    info = {"info": {"features": {"text": {"_type": "Value"}, "y": {"names": list(names), "_type": "ClassLabel"}}}}
    table = pa.table({"text": [f"film {i}" for i in range(len(codes))], "y": pa.array(codes, pa.int64())})
    return table.replace_schema_metadata({"huggingface": json.dumps(info)})


@pytest.mark.parametrize("role", ["label", "gold"])
def test_parquet_of_the_hugging_face_library_brings_the_names_of_its_classes(tmp_path, role):
    pq.write_table(class_table([0, 1, -1]), tmp_path / "a.parquet")
    pq.write_table(class_table([1, None]), tmp_path / "b.parquet")
    for number, data in enumerate(
        (tmp_path / "a.parquet", [tmp_path / "a.parquet", tmp_path / "b.parquet"], class_table([0, 1, -1]))
    ):
        found = list(imported(tmp_path / str(number), data, ["pos", "neg"], role).values())
        assert found[:2] == ["neg", "pos"]
    with pytest.raises(UnknownLabelError, match=r"'neg' is not a label; .*map=\{\"neg\": "):
        imported(tmp_path / "other", tmp_path / "a.parquet", ["bad", "good"], role)
    assert imported(tmp_path / "m", tmp_path / "a.parquet", ["bad", "good"], map={"neg": "bad", "pos": "good"})
    assert sorted(set(wl.read(tmp_path / "a.parquet", gold="y").gold()) - {None}) == ["neg", "pos"]


def test_class_names_that_do_not_match_are_reported(tmp_path):
    pq.write_table(class_table([0, 7]), tmp_path / "far.parquet")
    with pytest.raises(CorpusError, match=r"column 'y': 7 is none of the classes 0 to 1 \(neg, pos\)"):
        imported(tmp_path / "p", tmp_path / "far.parquet", ["pos", "neg"])
    pq.write_table(class_table([0]), tmp_path / "a.parquet")
    pq.write_table(class_table([0], ("pos", "neg")), tmp_path / "b.parquet")
    pq.write_table(class_table([0]).replace_schema_metadata(None), tmp_path / "c.parquet")
    for other in ("b", "c"):
        with pytest.raises(CorpusError, match="name the classes of this column differently; import them one by one"):
            imported(tmp_path / other, [tmp_path / "a.parquet", tmp_path / f"{other}.parquet"], ["pos", "neg"])


def test_data_sets_of_hugging_face(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    datasets = pytest.importorskip("datasets", reason="the datasets library is not installed")
    features = datasets.Features({"text": datasets.Value("string"), "y": datasets.ClassLabel(names=["neg", "pos"])})
    data = datasets.Dataset.from_dict({"text": ["bad film", "good film", "film"], "y": [0, 1, -1]}, features=features)
    assert list(imported(tmp_path / "d", data, ["pos", "neg"]).values()) == ["neg", "pos"]
    assert list(imported(tmp_path / "s", data.select([1, 0]), ["pos", "neg"]).values()) == ["pos", "neg"]
    data.to_parquet(tmp_path / "a.parquet")
    assert list(imported(tmp_path / "f", tmp_path / "a.parquet", ["pos", "neg"], "gold").values()) == [
        "neg",
        "pos",
        None,
    ]
    splits = datasets.DatasetDict({"train": data, "test": data})
    with pytest.raises(
        CorpusError,
        match=r"the DatasetDict holds several data sets \(train, test\); pass one of them, such as data\['train'\]",
    ):
        wl.read(splits)
    stream = data.to_iterable_dataset()
    with pytest.raises(
        CorpusError, match=r"is a stream.*from_list\(list\(data.take\(10_000\)\), features=data.features\)"
    ):
        wl.read(stream)
    part = datasets.Dataset.from_list(list(stream.take(10_000)), features=stream.features)
    assert wl.read(part, gold="y").gold() == wl.read(data, gold="y").gold()
    data.save_to_disk(tmp_path / "saved")
    splits.save_to_disk(tmp_path / "splits")
    for folder in ("saved", "splits"):
        with pytest.raises(CorpusError, match=rf"{folder}: is a Hugging Face data set .*datasets.load_from_disk\("):
            wl.read(tmp_path / folder)
    with pytest.raises(CorpusError, match=r"data\['train'\]"):
        wl.read(datasets.IterableDatasetDict({"train": data.to_iterable_dataset()}))


def test_votes_of_a_wrench_set_whose_labels_are_numbers_are_codes(tmp_path):
    (tmp_path / "label.json").write_text(json.dumps({"0": "1", "1": "0", "2": "5"}))
    entry = {"label": 1, "weak_labels": [0, 1, -1, 2], "data": {"text": "a"}}
    (tmp_path / "train.json").write_text(json.dumps({"0": entry}))
    found = wl.datasets.load_wrench(tmp_path)
    assert found.L.tolist() == [[0, 1, -1, 2]]
    committee = wl.Committee(found.labels)
    for heuristic in found.heuristics:
        committee.add(heuristic)
    assert committee.vote(found.corpus, progress=False).L.tolist() == [[0, 1, -1, 2]]


def test_the_map_that_is_shown_gives_ratings_that_are_none_no_label_and_keeps_codes_in_order():
    with pytest.raises(
        UnknownLabelError, match=r'such as map=\{"0": ""\}, where "" means no label \(in the terminal --map 0=\)'
    ):
        LabelReader(LabelNames(["1", "2", "3"])).code(0)
    column = pa.array(["3", "1", "2"], pa.large_string())
    with pytest.raises(UnknownLabelError, match=r'map=\{"1": "world", "2": "sport", "3": "money"\}'):
        LabelReader(LabelNames(["world", "sport", "money"])).codes(column, str)
    with pytest.raises(UnknownLabelError, match=r'map=\{"1": "spam", "0": "ham"\}'):
        LabelReader(LabelNames(["spam", "ham"])).codes(pa.array(["0", "1"], pa.large_string()), str)


# ---- what is not read is told, and what is refused shows a way that is right


def test_labels_of_known_records_are_reported_and_not_dropped_silently(tmp_path):
    rows = [
        {"id": i, "text": f"message {i}", "y": y, "g": "ham"} for i, y in enumerate(["spam", "", "ham", None, "-1"])
    ]
    with wl.Project(tmp_path, labels=["ham", "spam"]) as project:
        project.add_records([{"id": i, "text": f"message {i}"} for i in range(4)], quiet=True)
        receipt = project.add_records(rows, label="y", gold="g", skip_known=True, quiet=True)
        assert (receipt, receipt.skipped, project.manual_labels()) == (1, 4, {})
        told = " of records that were in the project before were not read"
        assert [note for note in receipt.notes if told in note] == [
            f"y: 2 labels{told}; project.label_many({{id: label}}) sets labels of known records",
            f"g: 4 labels{told}",
        ]
        more = [{"id": 9, "text": "a new one", "y": "ham"}, {"id": 0, "text": "message 0", "y": "eggs"}]
        assert "y: 1 label of records" in project.add_records(more, label="y", skip_known=True, quiet=True).notes[0]
        assert not project.add_records(
            [{"id": 10, "text": "new", "y": "ham"}], label="y", skip_known=True, quiet=True
        ).notes


@pytest.mark.parametrize("names", [["True", "False"], ["true", "false", "unknown"], ["FALSE", "maybe"]])
def test_a_number_is_no_position_among_truth_values(names):
    for number in (0, 1, np.int64(1)):
        with pytest.raises(UnknownLabelError, match="is not a label; the labels are"):
            LabelNames(names).code(number)
    assert LabelNames(names).code(names[1]) == 1


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("Yes", 'map={"Yes": "spam"}'),
        ("NO", 'map={"NO": "ham"}'),
        ("Unsure", 'map={"Unsure": ""}'),
        ("Spam", 'map={"Spam": "spam"}'),
    ],
)
def test_a_value_that_is_like_a_key_of_the_map_is_shown_with_the_label_of_that_key(value, told):
    with pytest.raises(UnknownLabelError) as error:
        LabelReader(LabelNames(["ham", "spam"]), {"yes": "spam", "no": "ham", "unsure": None}).code(value)
    assert told in str(error.value)


@pytest.mark.parametrize("role", ["label", "gold", "id"])
@pytest.mark.parametrize("name", [["y"], ("y", "z"), []])
def test_only_one_column_is_the_label_the_gold_or_the_id(role, name):
    with pytest.raises(CorpusError, match=f"{role}=.*: one column is the {role}; wanted its name, such as {role}='"):
        wl.read([{"text": "win a prize", "y": "spam", "z": "ham"}], **{role: name})


# ---- a column that says what became of a label


@pytest.mark.parametrize("role", ["label", "gold"])
@pytest.mark.parametrize("answer", ["reject", "ignore"])
def test_a_label_that_was_rejected_or_passed_over_is_refused(tmp_path, role, answer):
    rows = [
        {"id": 1, "text": "win", "y": "spam", "answer": "accept"},
        {"id": 2, "text": "lunch", "y": "spam", "answer": answer},
    ]
    with pytest.raises(
        WeaklabError, match=f"record '2', column 'y': 'answer' is '{answer}', so this label was not given"
    ):
        imported(tmp_path / "p", rows, ["spam", "ham"], role)
    rows[1]["y"] = None
    assert set(imported(tmp_path / "p", rows, ["spam", "ham"], role).values()) <= {"spam", None}


def test_a_column_called_answer_with_other_words_in_it_is_data(tmp_path):
    rows = [{"id": 1, "text": "a", "y": "ham", "answer": "reject"}, {"id": 2, "text": "b", "y": "spam", "answer": "42"}]
    assert imported(tmp_path, rows, ["spam", "ham"]) == {"1": "ham", "2": "spam"}
