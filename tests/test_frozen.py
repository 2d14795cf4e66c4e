"""A trained committee that no longer changes."""

import cloudpickle
import numpy as np
import pyarrow as pa
import pytest

import weaklab as wl
from weaklab.batch import fit
from weaklab.batch.frozen import FrozenCommittee
from weaklab.core.errors import WeaklabError

WORDS = ["win", "a", "prize", "lunch", "at", "noon", "free", "entry", "Angry", "see", "you"]


def texts(n):
    return [" ".join(WORDS[(i * 7 + j * j) % len(WORDS)] for j in range(i % 6)) for i in range(n)]


def batch_of(n):
    return next(wl.read([{"id": f"r{i}", "text": text} for i, text in enumerate(texts(n))]).batches(n))


def committee(timeout=None):
    members = wl.Committee(["ham", "spam"], timeout=timeout)
    members.add(wl.keywords("spam", ["prize", "free"]))
    members.add(wl.pattern("ham", r"\blunch|noon\b"))

    @members.labeling_function()
    def unsure(x):
        return ("ham", 0.6) if x.text.startswith("see") else None

    @members.labeling_function()
    def angry(x):
        if x.text.startswith("Angry"):
            raise ValueError(f"in {x.text[:9]!r}")

    return members


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    held = wl.Project(tmp_path_factory.mktemp("frozen"), labels=["ham", "spam"], timeout=None, share_answers=0)
    held.add_records([{"id": f"r{i}", "text": text} for i, text in enumerate(texts(60))])
    for member in committee().heuristics:
        held.add(member)
    held.weak_classifier("naive_bayes", features="tfidf")
    with pytest.warns(wl.WeaklabWarning, match="angry"):
        held.run(progress=False)
    held.label_many(
        [
            (f"r{i}", "spam" if "prize" in text or "free" in text else "ham")
            for i, text in enumerate(texts(30))
            if i >= 6
        ]
    )
    held.run(progress=False)
    return held


def test_columns_are_those_of_the_schema(project):
    frozen, batch = project.freeze(), batch_of(50)
    for votes in (False, True):
        found = frozen.label_batch(batch, votes)
        assert found.schema.equals(frozen.schema(batch.schema, votes))
    assert found.schema.names[:6] == ["id", "label", "p_ham", "p_spam", "confidence", "manual"]
    assert found.schema.names[6:] == [f"vote_{name}" for name in project.committee.names] + ["faults"]


def test_records_are_judged_one_by_one(project):
    frozen, batch = project.freeze(), batch_of(500)
    whole = frozen.label_batch(batch, votes=True)
    for size in (7, 100):
        parts = frozen.label_batches((batch.slice(start, size) for start in range(0, 500, size)), votes=True)
        assert pa.Table.from_batches(parts).combine_chunks().to_batches()[0].equals(whole)


def test_frozen_committee_gives_the_labels_of_the_project(project):
    frozen, labels = project.freeze(), project.labels()
    found = frozen.label_batch(batch_of(60)).to_pandas()
    manual = labels["manual"].to_numpy()
    assert found["manual"].tolist() == manual.tolist()
    assert found.loc[manual, "label"].tolist() == labels.loc[manual, "label"].tolist()
    assert (found.loc[manual, "confidence"] == 1).all()
    votes = frozen.vote_batch(batch_of(60)).to_pandas().drop(columns="id")
    assert (votes.to_numpy() == project.votes().L).all()


def test_what_comes_later_does_not_change_it(project):
    frozen, batch = project.freeze(), batch_of(200)
    before, key = frozen.label_batch(batch), frozen.fingerprint
    event = project.label("r50", "spam")
    project.run(progress=False)
    try:
        assert project.freeze().fingerprint != key
        assert frozen.label_batch(batch).equals(before)
    finally:
        assert project.undo().id == event.id
        project.run(progress=False)
    assert project.freeze().fingerprint == key


def test_frozen_committee_can_be_pickled(project):
    frozen, batch = project.freeze(), batch_of(200)
    there = cloudpickle.loads(cloudpickle.dumps(frozen))
    assert there.fingerprint == frozen.fingerprint
    assert there.label_batch(batch, votes=True).equals(frozen.label_batch(batch, votes=True))


def test_a_project_that_is_opened_again_freezes_to_the_same(project):
    with wl.Project(project.path, timeout=None) as again:
        again.committee.put_back(project.committee["unsure"])
        again.committee.put_back(project.committee["angry"])
        parts, others = project.freeze().parts, again.freeze().parts
    assert {name for name in parts if parts[name] != others[name]} == set()


def test_faults_stand_beside_their_records(project):
    found = project.freeze().label_batch(batch_of(100)).to_pandas()
    hit = [text.startswith("Angry") for text in texts(100)]
    assert any(hit)
    assert found["faults"].notna().tolist() == hit
    assert found["faults"][hit.index(True)].tolist() == [f"angry: ValueError: in {texts(100)[hit.index(True)][:9]!r}"]


def test_a_classifier_that_fails_on_a_record_costs_that_record_alone(project):
    class Picky:
        def transform(self, texts):
            if any(text.startswith("Angry") for text in texts):
                raise RuntimeError("too angry")
            return np.array([[len(text), "prize" in text] for text in texts], dtype=float)

    members = wl.Committee(["ham", "spam"], timeout=None)
    classifier = members.add(wl.WeakClassifier("logistic_regression", features=Picky(), name="picky"))
    calm = [text for text in texts(60) if not text.startswith("Angry")]
    members.fit_classifiers(calm, [int("prize" in text) for text in calm])
    assert classifier.is_ready
    found = fit(members, calm, label_model="majority_vote").label_batch(batch_of(60), votes=True).to_pandas()
    hit = [text.startswith("Angry") for text in texts(60)]
    assert [list(said) if said is not None else None for said in found["faults"]] == [
        ["picky: RuntimeError: too angry"] if h else None for h in hit
    ]
    assert found.loc[hit, "vote_picky"].isna().all()
    assert found["vote_picky"].notna().any()


def test_hanging_functions_are_stopped_and_reported():
    members = wl.Committee(["ham", "spam"], timeout=0.5, workers=1)

    @members.labeling_function()
    def stuck(x):
        while x.text == "free":
            pass
        return "ham"

    found = FrozenCommittee.of(members).label_batch(next(wl.read(["lunch", "free", "noon"]).batches()))
    assert found["label"].to_pylist() == ["ham", None, "ham"]
    assert found["faults"].to_pylist() == [
        None,
        ["stuck: TimeoutError: no vote after 0.5 s, so its process was stopped"],
        None,
    ]


def test_a_committee_without_a_label_model_takes_the_majority():
    frozen = FrozenCommittee.of(committee())
    found = frozen.label_batch(next(wl.read(["a prize", "free lunch", "hello"]).batches()))
    assert found["label"].to_pylist() == ["spam", None, None]


def test_a_label_model_of_another_committee_is_refused():
    model = wl.label_model("majority_vote").fit([[0, 1]])
    with pytest.raises(WeaklabError, match="fitted to 2 heuristics and 2 labels, the committee has 4 and 2"):
        FrozenCommittee.of(committee(), model)


def test_fingerprints_differ_between_committees():
    one, same, other = committee(), committee(), committee()
    other.add(wl.keywords("spam", ["winner"], name="more"))
    assert (
        FrozenCommittee.of(one).fingerprint
        == FrozenCommittee.of(same).fingerprint
        != FrozenCommittee.of(other).fingerprint
    )
    fitted = fit(one, texts(100))
    assert fitted.fingerprint == fit(same, texts(100)).fingerprint != FrozenCommittee.of(one).fingerprint
    assert fit(one, texts(200)).parts["label model"] != fitted.parts["label model"]


def test_a_plain_batch_needs_id_and_text():
    frozen = FrozenCommittee.of(committee())
    plain = pa.record_batch({"id": [1, 2], "text": ["prize", None]})
    assert frozen.label_batch(plain).select(["id", "label"]).to_pylist() == [
        {"id": 1, "label": "spam"},
        {"id": 2, "label": None},
    ]
    made = frozen.label_batch(pa.record_batch({"text": ["prize", "prize"]}))["id"].to_pylist()
    assert made == [wl.read(["prize"]).record(0).record_id] * 2


def test_no_records_are_no_labels():
    frozen = FrozenCommittee.of(committee())
    assert frozen.label_batch(batch_of(5).slice(0, 0)).num_rows == 0
    assert list(frozen.label_batches(iter([]))) == []


def test_a_missing_column_is_named():
    members = wl.Committee(["ham", "spam"], timeout=None)
    members.add(wl.keywords("spam", ["prize"], column="subject", name="in_subject"))
    with pytest.raises(
        WeaklabError, match=r"keywords 'in_subject' cannot read the records to label: no column 'subject'"
    ):
        FrozenCommittee.of(members).check(batch_of(3))


def test_columns_of_the_output_differ():
    members = wl.Committee(["a", "b"], timeout=None)
    with pytest.raises(WeaklabError, match="two columns 'p_a'"):
        FrozenCommittee.of(members).schema(
            wl.read([{"p_a": "1", "text": "x"}], id="p_a", text="text").batches().__next__().schema
        )


def test_fit_on_a_sample_gives_the_labels_of_a_fit_on_all():
    rows = texts(9000)
    members = committee()
    some, every = fit(members, rows, max_rows=2000), fit(members, rows, max_rows=None)
    first, second = (frozen.label_batch(batch_of(300)).to_pandas() for frozen in (some, every))
    assert first["label"].tolist() == second["label"].tolist()
    assert (first["p_spam"] - second["p_spam"]).abs().mean() < 0.01
    assert not first["p_spam"].equals(second["p_spam"])


def test_models_that_need_all_rows_get_them():
    frozen = fit(committee(), texts(200), label_model="dawid_skene", max_rows=None)
    assert type(frozen.label_model).__name__ == "DawidSkene"
    with pytest.raises(WeaklabError, match="max_rows must be 1 or more"):
        fit(committee(), texts(20), max_rows=0)


TEXTS = ["win a prize", "lunch at noon", "", "see you", "lone \ud800 prize"]


def forms():
    import pandas as pd
    import polars as pl

    rows = [{"id": i, "text": text, "mixed": [1, "x", {}, None, 2.5][i]} for i, text in enumerate(TEXTS)]
    table = pa.table({"id": range(4), "text": TEXTS[:4]})
    yield from {
        "list": TEXTS,
        "tuple": tuple(TEXTS),
        "array": np.array(TEXTS),
        "object array": np.array(TEXTS, dtype=object),
        "Series": pd.Series(TEXTS[:4], index=range(7, 11)),
        "dicts": rows,
        "frame": pd.DataFrame(rows[:4]),
        "table": table,
        "batch": table.to_batches()[0],
        "polars": pl.DataFrame(rows[:4], schema_overrides={"mixed": pl.Object}).drop("mixed"),
        "chunked": pa.chunked_array([TEXTS[:2], TEXTS[2:4]]),
        "dictionary": pa.table({"text": pa.array(TEXTS[:4]).dictionary_encode()}),
        "corpus": wl.read(TEXTS[:4]),
    }.items()


@pytest.mark.parametrize(("form", "records"), forms(), ids=lambda value: value if isinstance(value, str) else "")
def test_records_of_any_form_are_predicted(form, records):
    frozen = FrozenCommittee.of(committee())
    wanted = ["spam", "ham", None, "ham", "spam"][
        : 5 if form in ("list", "tuple", "array", "object array", "dicts") else 4
    ]
    assert frozen.predict(records) == wanted
    P = frozen.predict_proba(records)
    assert P.shape == (len(wanted), 2)
    assert [None if p == q else ("ham", "spam")[p < q] for p, q in P.tolist()] == wanted
    np.testing.assert_allclose(P.sum(axis=1), 1)


def test_predictions_are_those_of_label_batch(project):
    frozen, batch = project.freeze(), batch_of(50)
    wanted = frozen.label_batch(batch)
    assert frozen.predict(batch) == frozen.predict(batch.to_pylist()) == wanted["label"].to_pylist()
    assert frozen.predict_proba(batch)[:, 1].tolist() == wanted["p_spam"].to_pylist()
    assert frozen.predict([{"id": "r7", "text": "prize"}]) == ["ham" if wanted["label"][7].as_py() == "ham" else "spam"]


def test_texts_stand_for_the_text_column_of_the_project(tmp_path):
    with wl.Project(tmp_path / "p", labels=["ham", "spam"], timeout=None) as held:
        held.add_records([{"number": 1, "body": "a prize"}, {"number": 2, "body": "lunch"}], id="number", text="body")
        held.add(wl.keywords("spam", ["prize"], column="body"))
        frozen = held.freeze()
    assert frozen.predict(["the prize", "x"]) == ["spam", None]
    with pytest.raises(WeaklabError, match="no text column 'body' in the records to label; they have title"):
        frozen.predict([{"title": "prize"}])


def test_unpredictable_input_is_refused_with_the_reason(tmp_path):
    frozen = FrozenCommittee.of(committee())
    assert frozen.predict([]) == frozen.predict(()) == []
    assert frozen.predict_proba([]).shape == (0, 2)
    assert frozen.predict(pa.table({"id": pa.array([], pa.string()), "text": pa.array([], pa.string())})) == []
    with pytest.raises(
        WeaklabError, match=r"wanted a list of records, got one text; put it into a list: \['a prize'\]"
    ):
        frozen.predict("a prize")
    with pytest.raises(WeaklabError, match="cannot read int 7 as a corpus"):
        frozen.predict(7)
    with wl.Project(tmp_path / "p", labels=["a", "b"], timeout=None) as held:
        held.add_records([{"id": "x", "length": 3.5}, {"id": "y", "length": 1.5}])
        held.add(wl.where("a", wl.col("length") > 2))
        with pytest.raises(
            WeaklabError, match="records of this committee have no text, but columns; wanted dicts or a table"
        ):
            held.freeze().predict(["a text"])
        assert held.freeze().predict([{"length": 4.0}, {"length": 0}]) == ["a", None]
        with pytest.raises(WeaklabError, match="'length'"):
            held.freeze().predict([{"width": 4.0}])
