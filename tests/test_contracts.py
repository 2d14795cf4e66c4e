"""The checks of weaklab.checks, run on every part that is registered and on every shipped labeling function."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from encoders import needs_encoder
from scipy import sparse

import weaklab
from weaklab import checks
from weaklab.checks import checks_of, planted_votes, sample_pool
from weaklab.classifiers import CLASSIFIERS
from weaklab.core.errors import WeaklabError
from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.core.votes import Votes
from weaklab.exchange import READERS, WRITERS
from weaklab.features import FEATURES
from weaklab.heuristics import load
from weaklab.label_models import LABEL_MODELS, MajorityVote
from weaklab.strategies import ARGUMENTS, STRATEGIES

FOLDER = Path(__file__).parent.parent / "labeling_functions"
SHIPPED = load(FOLDER)
REGISTRIES = {
    "label_model": LABEL_MODELS,
    "strategy": STRATEGIES,
    "features": FEATURES,
}


def every(kind):
    """Return a parameter for each registered part of a kind and each check of it."""
    return [
        pytest.param(
            check,
            REGISTRIES[kind][name],
            id=f"{name}-{check.__name__.removeprefix('check_')}",
            marks=needs_encoder if name == "sentence" else (),
        )
        for name in REGISTRIES[kind].names()
        for check in checks_of(kind)
    ]


@pytest.mark.parametrize(("check", "model"), every("label_model"))
def test_every_label_model(check, model):
    check(model)


@pytest.mark.parametrize(("check", "strategy"), every("strategy"))
def test_every_strategy(check, strategy):
    check(strategy)


@pytest.mark.parametrize("check", checks_of("classifier"))
@pytest.mark.parametrize("name", CLASSIFIERS.names())
def test_every_classifier(check, name):
    check(name)


@pytest.mark.parametrize(("check", "features"), every("features"))
def test_every_feature_set(check, features):
    check(features)


@pytest.mark.parametrize("check", checks_of("heuristic"))
@pytest.mark.parametrize("heuristic", SHIPPED.heuristics, ids=lambda h: h.name)
def test_every_shipped_function(check, heuristic):
    check(heuristic, ["clickbait", "news"])


@pytest.fixture
def samples(tmp_path):
    """Write a small file of each format and return suffix -> path."""
    frame = pd.DataFrame({"id": ["a", "b"], "text": ["win a prize", "lunch at noon"], "n": [1, 2]})
    rows = frame.to_dict("records")
    contents = {
        ".csv": frame.to_csv(index=False),
        ".tsv": frame.to_csv(index=False, sep="\t"),
        ".json": json.dumps(rows),
        ".jsonl": "\n".join(map(json.dumps, rows)),
        ".ndjson": "\n".join(map(json.dumps, rows)),
        ".txt": "win a prize\nlunch at noon\n",
    }
    paths = {suffix: tmp_path / f"sample{suffix}" for suffix in READERS.names()}
    for suffix, content in contents.items():
        paths[suffix].write_text(content)
    for suffix in (".parquet", ".pq"):
        frame.to_parquet(paths[suffix])
    for suffix in (".xlsx", ".xlsm"):
        with pd.ExcelWriter(paths[suffix], engine="openpyxl") as book:
            frame.to_excel(book, index=False)
    return paths


@pytest.mark.parametrize("check", checks_of("reader"))
@pytest.mark.parametrize("suffix", READERS.names())
def test_every_reader(check, suffix, samples):
    check(READERS[suffix], samples[suffix])


@pytest.mark.parametrize("check", checks_of("writer"))
@pytest.mark.parametrize("suffix", WRITERS.names())
def test_every_writer(check, suffix):
    check(WRITERS[suffix], suffix, READERS[suffix])


def test_sample_pool_holds_every_argument_of_strategies():
    assert set(sample_pool()) == set(ARGUMENTS)


# ---- the checks themselves


class Careless(MajorityVote):
    """A label model that forgets to normalize."""

    def predict_proba(self, votes):
        return 2 * super().predict_proba(votes)


def unstable(P, keys):
    """Give each record the number of its row."""
    return np.arange(len(P))


def breaks(x):
    """Fails on empty texts."""
    return "spam" if x.text[0] == "A" else None


def eggs(x):
    """Vote for a label that is not there."""
    return "eggs"


@pytest.mark.parametrize(
    ("check", "arguments", "message"),
    [
        (
            checks.check_label_model,
            [Careless],
            r"predict_proba: the sums of the rows: expected \[1\. 1\..*got \[2\. 2\.",
        ),
        (checks.check_strategy, [unstable], "scores of records in another order: expected .* they differ by up to 38"),
        (checks.check_strategy, [lambda P, magic: P], r"or with a default; got \['magic'\]"),
        (checks.check_strategy, [lambda P: P], r"must return one finite score per record, shape \(40,\)"),
        (checks.check_heuristic, [breaks, ["spam", "ham"]], "expected no faults, got .*IndexError"),
        (checks.check_heuristic, [eggs, ["spam", "ham"]], "expected no faults, got .*'eggs'"),
    ],
)
def test_a_part_that_breaks_a_rule_is_refused_in_plain_words(check, arguments, message):
    with pytest.raises(AssertionError, match=message):
        check(*arguments)


def test_unknown_kind_of_checks_is_refused():
    with pytest.raises(WeaklabError, match="did you mean 'label_model'\\? there are strategy, label_model"):
        checks_of("label_models")


# ---- label models


LITTLE = 1e-9
"""A confidence that makes a vote count as good as nothing."""


@pytest.mark.parametrize("name", ["dawid_skene", "hierarchical_dawid_skene", "one_coin", "glad"])
def test_models_that_count_votes_again_and_again_count_their_confidence(name):
    L, _ = planted_votes(n=80, coverage=0.8)
    without = L.copy()
    without[:, 0] = ABSTAIN
    rows = (without != ABSTAIN).any(axis=1)
    P = LABEL_MODELS[name](n_classes=3).fit_predict_proba(Votes(L, confidence={0: np.full(80, LITTLE)}))
    np.testing.assert_allclose(P[rows], LABEL_MODELS[name](n_classes=3).fit_predict_proba(without)[rows], atol=1e-5)


@pytest.mark.parametrize(
    ("votes", "message"),
    [
        (
            [[0, 1], [1, 300]],
            r"L\[1, 1\] is 300, which is no label; wanted -1 \(abstain\) to 126: a label matrix holds at most 127 "
            r"classes",
        ),
        ([[256, 256], [130, -1]], r"L\[0, 0\] is 256, which is no label"),
        (np.array([[2**63, 0]], dtype=np.uint64), r"L\[0, 0\] is 9223372036854775808"),
        ([[0.0, 1.5]], r"L\[0, 1\] is 1\.5, which is no code; wanted integer codes, -1 abstains"),
        ([[0.0, np.nan]], r"L\[0, 1\] is nan, which is no code"),
        ([[0.0, np.inf]], r"L\[0, 1\] is inf, which is no code"),
        ([[0, None]], r"L\[0, 1\] is None, which is no code"),
        (pd.DataFrame({"a": pd.array([0, None], dtype="Int8")}), r"L\[1, 0\] is nan, which is no code"),
        ([["spam", "ham"]], r"L holds <U4 values such as 'spam'; wanted integer codes"),
        ([[True, False]], "L holds bool values such as True"),
        (np.array([[1, True]], dtype=object), r"L\[0, 1\] is True, which is no code"),
        ([[1 + 0j, 0j]], "L holds complex128 values"),
        ([[0, 1], [1]], "the rows of L differ in length"),
        (sparse.csr_array([[0, 1]]), r"L is a sparse matrix, .* pass L\.toarray\(\)"),
        (np.ma.masked_equal([[0, 1]], 0), r"L is a masked array; .* pass L\.filled\(-1\)"),
    ],
)
def test_invalid_vote_is_named(votes, message):
    with pytest.raises(WeaklabError, match=message):
        LABEL_MODELS["majority_vote"]().fit(votes)
    with pytest.raises(WeaklabError, match=message.split("which")[0]):
        weaklab.Loop(np.eye(2, 3), ["a", "b"], votes)


@pytest.mark.parametrize(
    "votes",
    [
        [[0.0, -1.0]],
        np.float16([[0, -1]]),
        pd.DataFrame({"a": [0], "b": [-1]}),
        np.array([[0, -1.0]], dtype=object),
        [(0, -1)],
    ],
)
def test_whole_numbers_of_any_type_are_votes(votes):
    assert LABEL_MODELS["majority_vote"]().fit(votes).predict(votes).tolist() == [0]


@pytest.mark.parametrize(
    ("y", "message"), [([0, 200], r"y\[1\] is 200"), ([0, np.nan], r"y\[1\] is nan"), (["a", "b"], "y holds <U1")]
)
def test_invalid_manual_label_is_named(y, message):
    with pytest.raises(WeaklabError, match=message):
        LABEL_MODELS["committee"]().fit([[0, 1], [1, 0]], y)


# ---- everything that has a name


@pytest.mark.parametrize("registry", [LABEL_MODELS, STRATEGIES, CLASSIFIERS, FEATURES], ids=lambda r: r.kind)
def test_everything_registered_says_what_it_is_and_a_miss_lists_the_names(registry):
    for name, text, place in registry.describe():
        assert re.fullmatch("[a-z0-9_]+", name)
        assert len(text) > 20, f"{name} needs a docstring"
        assert re.search(r"\.py:\d+$", place)
    with pytest.raises(WeaklabError, match=f"no {registry.kind} named 'xyz'; available: {registry.names()[0]}"):
        registry["xyz"]


# ---- the labeling functions that are shipped


def test_the_shipped_files_load():
    assert SHIPPED.errors == []
    assert len(SHIPPED.heuristics) >= 10


@pytest.mark.parametrize("heuristic", SHIPPED.heuristics, ids=lambda h: h.name)
def test_shipped_functions_say_where_they_are(heuristic):
    assert ".py" in heuristic.location
    assert len(heuristic.fingerprint) == 32


def test_shipped_functions_vote_both_labels_and_make_errors():
    frame = weaklab.datasets.load_headlines()
    labels = LabelNames(["clickbait", "news"])
    gold = np.array([labels.code(name) for name in frame["gold"]])
    corpus = weaklab.read(frame, gold="gold")
    L = np.column_stack([np.concatenate([h.vote(b, labels) for b in corpus.batches()]) for h in SHIPPED.heuristics])
    assert {0, 1} <= set(np.unique(L))
    right = [(L[:, j] == gold)[L[:, j] != ABSTAIN].mean() for j in range(L.shape[1])]
    assert 0.5 < min(right) < 1
    assert np.mean(right) > 0.7
