"""Labels of a crowd: reading them, the consensus, and how good each worker is."""

import itertools

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import weaklab as wl
from weaklab.core.errors import WeaklabError
from weaklab.core.labels import ABSTAIN
from weaklab.crowd.crowd import _order, annotator_quality
from weaklab.crowd.standing import below_others, in_order

ROWS = [("a", "Ann", "cat"), ("a", "Bob", "dog"), ("b", "Bob", "dog"), ("c", "Ann", "cat")]


def table(rows=ROWS):
    return pd.DataFrame(rows, columns=["item", "worker", "label"])


def planted(seed, n=400, m=30, k=2, each=6, low=0.55, high=0.95):
    """Return the labels of m workers, the truth, and how often each worker is right."""
    rng = np.random.default_rng(seed)
    truth, right = rng.integers(0, k, n), rng.uniform(low, high, m)
    L = np.full((n, m), ABSTAIN)
    for i in range(n):
        who = rng.choice(m, each, replace=False)
        L[i, who] = np.where(rng.random(each) < right[who], truth[i], (truth[i] + rng.integers(1, k, each)) % k)
    return L, truth, right


def test_table_of_labels_becomes_a_matrix_with_one_column_per_worker():
    crowd = wl.Crowd(table())
    assert (crowd.items, crowd.workers, list(crowd.labels)) == (["a", "b", "c"], ["Ann", "Bob"], ["cat", "dog"])
    assert crowd.L.dtype == np.int8
    assert crowd.L.tolist() == [[0, 1], [-1, 1], [0, -1]]
    assert crowd.confidence == {}
    assert repr(crowd) == "Crowd(4 labels of 3 items by 2 workers)"


@pytest.mark.parametrize("kind", ["arrow", "csv", "parquet", "dicts"])
def test_it_reads_tables_files_and_lists_alike(kind, tmp_path):
    frame = table()
    frame.to_csv(tmp_path / "votes.csv", index=False)
    frame.to_parquet(tmp_path / "votes.parquet")
    data = {
        "arrow": pa.Table.from_pandas(frame),
        "csv": tmp_path / "votes.csv",
        "parquet": str(tmp_path / "votes.parquet"),
        "dicts": frame.to_dict("records"),
    }[kind]
    crowd = wl.Crowd(data)
    assert crowd.workers == ["Ann", "Bob"]
    assert crowd.L.tolist() == [[0, 1], [-1, 1], [0, -1]]


def test_columns_have_names_of_their_own_and_numbers_are_labels_by_size():
    frame = pd.DataFrame({"task": [1, 2, 3], "by": [7, 7, 8], "stars": [10, 2, 2]})
    crowd = wl.Crowd(frame, item="task", worker="by", label="stars")
    assert (crowd.items, crowd.workers, list(crowd.labels)) == (["1", "2", "3"], ["7", "8"], ["2", "10"])
    assert crowd.L.tolist() == [[1, -1], [0, -1], [-1, 0]]


def test_names_that_float_reads_as_no_finite_number_are_sorted_as_names():
    for names in itertools.permutations(["10", "2", "inf", "nan", "b"]):
        assert sorted(names, key=_order) == ["2", "10", "b", "inf", "nan"]


def test_labels_may_be_given_in_order_and_include_unused_ones():
    crowd = wl.Crowd(table(), labels=["dog", "bird", "cat"])
    assert crowd.L.tolist() == [[2, 0], [-1, 0], [2, -1]]
    assert crowd.probabilities().shape == (3, 3)


def test_a_tie_has_no_label_in_whatever_order_the_rows_stand():
    for rows in itertools.permutations(ROWS):
        labels = wl.Crowd(table(rows)).consensus("majority_vote").set_index("item")["label"]
        assert labels[["b", "c"]].tolist() == ["dog", "cat"]
        assert labels["a"] is None


def test_repeated_labels_count_as_the_most_frequent_or_last_tied_one():
    again = [("a", "Ann", "dog"), ("a", "Ann", "cat"), ("c", "Ann", "dog"), ("b", "Bob", "dog")]
    crowd = wl.Crowd(table(ROWS + again))
    assert (crowd.n_repeated, crowd.n_contradicted) == (3, 2)
    assert crowd.L.tolist() == [[0, 1], [-1, 1], [1, -1]]
    np.testing.assert_allclose(crowd.confidence[0], [2 / 3, 1, 1 / 2])
    assert list(crowd.confidence) == [0]
    assert "3 given repeatedly (2 not always the same)" in repr(crowd)


def test_shares_of_repeated_labels_take_memory_in_proportion_to_these():
    rows = [(str(i), str(i), label) for i in range(2000) for label in ("cat", "dog")]
    crowd = wl.Crowd(table(rows))
    assert len(crowd.confidence) == crowd.n_contradicted == 2000
    held = list(vars(crowd.confidence).values())
    assert not any(isinstance(part, np.ndarray) for part in held)
    assert (
        sum(len(numbers) for known in held if isinstance(known, dict) for pair in known.values() for numbers in pair)
        == 4000
    )
    assert crowd.confidence[7].sum() == 1999.5
    assert 2000 not in crowd.confidence


def test_a_model_that_is_given_keeps_its_settings_and_is_not_fitted():
    model = wl.label_model("hierarchical_dawid_skene", damping=0.5)
    crowd = wl.Crowd(table())
    found = crowd.fit(model)
    assert (found.damping, found.n_classes) == (0.5, 2)
    assert model.n_classes is None
    assert not hasattr(model, "confusion_")
    crowd.quality(model)
    assert not hasattr(model, "confusion_")


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (table().drop(columns="worker"), "no column 'worker'"),
        (table().assign(worker=[None, "Bob", "Bob", "Ann"]), "column 'worker', row 1: nothing there"),
        (table().assign(label=None), "column 'label'"),
        (table().assign(item=["a", "a", np.nan, "c"]), "column 'item', row 3: nothing there"),
        (table([]), "holds no label"),
        (table().assign(label="cat"), "every label is 'cat'"),
        (table().assign(label=[[1]] * 4), "wanted a label name, a number or a truth value, got list"),
    ],
)
def test_invalid_table_of_labels_is_reported_with_its_place(frame, message):
    with pytest.raises(WeaklabError, match=message):
        wl.Crowd(frame)


def test_invalid_label_is_reported_with_its_row():
    with pytest.raises(WeaklabError, match="row 2: 'dog' is not a label; the labels are 'cat', 'fox'"):
        wl.Crowd(table(), labels=["cat", "fox"])
    with pytest.raises(WeaklabError, match="three columns"):
        wl.Crowd(table(), item="worker")


def test_consensus_names_the_label_of_each_item_and_none_for_a_tie():
    rows = (
        [("a", w, "cat") for w in "vwxyz"] + [("b", w, "dog") for w in "vwxyz"] + [("c", "v", "cat"), ("c", "w", "dog")]
    )
    frame = wl.Crowd(table(rows)).consensus("majority_vote")
    assert frame["label"].tolist() == ["cat", "dog", None]
    assert frame["n_labels"].tolist() == [5, 5, 2]
    np.testing.assert_allclose(frame[["p_cat", "p_dog"]].sum(axis=1), 1)


def test_known_truth_is_the_consensus_and_informs_accuracies():
    L, truth, _ = planted(3)
    i, j = np.nonzero(L >= 0)
    crowd = wl.Crowd(pd.DataFrame({"item": i, "worker": j, "label": L[i, j]}))
    truth = truth[[int(name) for name in crowd.items]]
    known = np.where(np.arange(len(truth)) < 50, truth, ABSTAIN)
    P = crowd.probabilities(y=known)
    np.testing.assert_array_equal(P[:50].argmax(axis=1), truth[:50])
    assert P[:50].max(axis=1).min() == 1


def test_intervals_of_known_truth_are_those_of_jeffreys():
    from scipy.stats import beta

    L = np.array([[0], [0], [1], [1], [-1]])
    row = annotator_quality(L, np.eye(2)[[0, 0, 1, 0, 1]], level=0.9).iloc[0]
    assert row["n_labels"] == 4
    np.testing.assert_allclose(row[["low", "accuracy", "high"]].astype(float), beta.ppf([0.05, 0.5, 0.95], 3.5, 1.5))


def test_uncertain_truth_widens_accuracy_interval():
    L = np.zeros((40, 1), dtype=int)
    sure = np.where(np.arange(40)[:, None] < 30, [[1.0, 0.0]], [[0.0, 1.0]])
    doubtful = 0.8 * sure + 0.1
    none = np.full((40, 2), 0.5)
    width = [float((q := annotator_quality(L, P).iloc[0])["high"] - q["low"]) for P in (sure, doubtful, none)]
    assert width[0] < width[1] < width[2]
    assert width[2] > 0.95


@pytest.mark.parametrize(("k", "each", "low", "high"), [(2, 6, 0.55, 0.95), (2, 8, 0.5, 0.8), (3, 5, 0.5, 0.95)])
def test_intervals_contain_the_planted_accuracy_in_95_percent(k, each, low, high):
    held, by_hard_labels = [], []
    for seed in range(6):
        L, _, right = planted(seed, k=k, each=each, low=low, high=high)
        P = wl.label_model("hierarchical_dawid_skene", n_classes=k).fit(L).predict_proba(L)
        for found, q in (
            (held, annotator_quality(L, P)),
            (by_hard_labels, annotator_quality(L, np.eye(k)[P.argmax(axis=1)])),
        ):
            found.append(((q["low"] <= right) & (right <= q["high"])).mean())
    assert np.mean(held) >= 0.93
    assert np.mean(held) > np.mean(by_hard_labels)


def test_quality_ranks_good_workers_above_bad_ones():
    L, _, right = planted(1)
    i, j = np.nonzero(L >= 0)
    frame = wl.Crowd(pd.DataFrame({"item": i, "worker": j, "label": L[i, j]})).quality()
    found = frame.set_index("worker")["accuracy"]
    assert np.corrcoef([found[str(j)] for j in range(30)], right)[0, 1] > 0.85
    assert frame["n_labels"].sum() == len(i)


def test_confusion_of_a_worker_counts_labels_by_class():
    rows = [("a", "Ann", "cat"), ("b", "Ann", "cat"), ("c", "Ann", "dog"), ("c", "Bob", "dog")]
    crowd = wl.Crowd(table(rows))
    found = crowd.confusion("Ann", y=[0, 1, 1])
    assert found.loc["cat"].tolist() == [1, 0]
    assert found.loc["dog"].tolist() == [1, 1]
    numbers = wl.Crowd(table([("a", 7, "cat"), ("b", 7, "dog"), ("b", 8, "dog")]))
    assert numbers.confusion(7, y=[0, 1]).to_numpy().tolist() == [[1, 0], [0, 1]]
    with pytest.raises(WeaklabError, match="no worker named 'Anne'; did you mean 'Ann'"):
        crowd.confusion("Anne")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: annotator_quality([[0]], [[1.0, 0.0]], level=95), "level must be between 0 and 1"),
        (lambda: annotator_quality([[0], [1]], [[1.0, 0.0]]), "P must hold one row per record, 2 in all"),
        (lambda: annotator_quality([[0]], [[1.0, 0.0]], names=["a", "b"]), "names must name each of the 1"),
    ],
)
def test_quality_refuses_what_does_not_fit(call, message):
    with pytest.raises(WeaklabError, match=message):
        call()


@pytest.mark.parametrize("kind", [list, np.array, lambda y: np.array(y, float), lambda y: np.array(y, np.int8)])
def test_true_codes_come_as_whole_numbers_of_any_type(kind):
    crowd = wl.Crowd(table())
    assert crowd.probabilities(y=kind([1, -1, 0]))[[0, 2]].tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize("y", [[0, 1], [0, 1, 2], [0, 1, 0.5], [0, 1, np.nan], ["cat", "dog", "cat"]])
def test_true_codes_that_are_none_are_refused(y):
    with pytest.raises(WeaklabError, match=r"^y"):
        wl.Crowd(table()).probabilities(y=y)


def few(n, m, k, kind):
    """Return the labels of a small crowd: ``n`` items, ``m`` workers who agree, but for what ``kind`` says."""
    L = np.repeat((np.arange(n) % k)[:, None], m, axis=1)
    if kind.startswith("one class"):
        L[:] = 0
    if kind.endswith("one deviates"):
        L[-1, -1] = (L[-1, -1] + 1) % k
    if kind == "one says the same":
        L[:, -1] = 0
    if kind == "noise":
        L = np.random.default_rng(n).integers(0, k, (n, m))
    return L


def rows_of(L, names="abcde"):
    return [(f"i{i}", f"w{j}", names[code]) for (i, j), code in np.ndenumerate(L)]


@pytest.mark.parametrize(
    "kind", ["agree", "one class", "one deviates", "one class, one deviates", "one says the same", "noise"]
)
@pytest.mark.parametrize("m", [2, 3, 5])
@pytest.mark.parametrize("k", [2, 3, 5])
def test_unanimous_labels_are_likely_in_a_small_crowd(kind, m, k):
    for n in (1, 2, 8, 12, 50):
        L = few(n, m, k, kind)
        P = wl.Crowd(table(rows_of(L)), labels=list("abcde"[:k])).probabilities()
        together = (L[:, :1] == L).all(axis=1)
        assert (P[together, L[together, 0]] > 0.6).all(), n
        assert np.isfinite(P).all()


@pytest.mark.parametrize("kind", ["one deviates", "one says the same", "noise"])
@pytest.mark.parametrize("k", [2, 4])
def test_a_small_crowd_does_not_depend_on_the_order_of_items_workers_and_classes(kind, k):
    L = few(20, 4, k, kind)
    rng = np.random.default_rng(1)
    items, workers, classes = rng.permutation(20), rng.permutation(4), rng.permutation(k)
    model = wl.label_models.HierarchicalDawidSkene
    P = model(n_classes=k).fit(L).predict_proba(L)
    turned = classes[L][items][:, workers]
    Q = model(n_classes=k).fit(turned).predict_proba(turned)
    np.testing.assert_allclose(Q[:, classes], P[items], atol=1e-9)


@pytest.mark.parametrize(("n", "m", "k"), [(40, 3, 2), (5, 3, 2), (12, 4, 3), (50, 5, 5)])
def test_annotator_who_always_agrees_is_not_rated_below_one_who_deviates(n, m, k):
    quality = wl.Crowd(table(rows_of(few(n, m, k, "one deviates")))).quality()["accuracy"].to_numpy()
    assert quality[:-1] == pytest.approx(quality[0])
    assert quality[0] > 0.8
    assert quality[0] > quality[-1]


@pytest.mark.parametrize("n", [2, 40, 1000])
def test_nearly_certain_truth_counts_like_certain_truth(n):
    L = np.zeros((n, 1), dtype=int)
    for doubt in (1e-15, 1e-12, 1e-9):
        certain, nearly = (annotator_quality(L, np.tile([1 - d, d], (n, 1))) for d in (0.0, doubt))
        np.testing.assert_allclose(nearly[["accuracy", "low"]], certain[["accuracy", "low"]], atol=1e-2)
    accuracies = [
        float(annotator_quality(L, np.tile([p, 1 - p], (n, 1)))["accuracy"].iloc[0])
        for p in (0.6, 0.8, 0.9, 0.99, 0.9999, 1.0)
    ]
    assert (np.diff(accuracies) > 0).all()


def test_known_labels_may_be_named_by_item():
    crowd = wl.Crowd(table())
    codes, names = crowd.consensus(y=[1, -1, 0]), crowd.consensus(y={"a": "dog", "c": "cat", "b": None})
    pd.testing.assert_frame_equal(names, codes)
    assert names["label"].tolist()[::2] == ["dog", "cat"]
    with pytest.raises(WeaklabError, match="y names the item 'z', which no worker labeled"):
        crowd.consensus(y={"z": "dog"})
    with pytest.raises(WeaklabError, match="'eggs' is not a label"):
        crowd.quality(y={"a": "eggs"})


def test_items_that_are_whole_numbers_stay_numbers():
    frame = pd.DataFrame({"item": [1, 2, 2], "worker": list("xxy"), "label": list("aba")})
    crowd = wl.Crowd(frame)
    assert frame.merge(crowd.consensus(), on="item")["n_labels"].tolist() == [1, 2, 2]
    pd.testing.assert_frame_equal(crowd.consensus(y={1: "a"}), crowd.consensus(y={"1": "a"}))


def test_rows_without_a_label_are_left_out_and_counted():
    crowd = wl.Crowd(table([*ROWS, ("b", "Ann", ""), ("c", "Bob", None)]))
    assert (crowd.n_labels, crowd.n_empty) == (len(ROWS), 2)
    assert repr(crowd) == "Crowd(4 labels of 3 items by 2 workers, 2 rows without a label left out)"


def test_the_interval_of_a_worker_ends_at_1_where_no_label_need_be_wrong():
    L, truth = np.zeros((10, 1), dtype=int), np.eye(2)[[0] * 10]
    ends = [annotator_quality(L, P)[["low", "high"]].iloc[0].tolist() for P in (truth, truth[:, ::-1])]
    assert (ends[0][1], ends[1][0]) == (1, 0)
    for p, within in [(0.75, True), (0.65, False)]:  # 0.75^10 is 0.056, 0.65^10 is 0.013
        assert (annotator_quality(L, np.tile([p, 1 - p], (10, 1)))["high"][0] == 1) == within


def test_workers_are_left_out_and_a_crowd_is_left_as_it_was():
    crowd = wl.Crowd(table())
    left = crowd.without(["Bob"])
    assert (left.items, left.workers, list(left.labels)) == (["a", "c"], ["Ann"], ["cat", "dog"])
    assert crowd.workers == ["Ann", "Bob"]
    assert crowd.said_of("a") == {"cat": ["Ann"], "dog": ["Bob"]}
    with pytest.raises(WeaklabError, match="no label is left without Ann, Bob"):
        crowd.without(["Ann", "Bob"])
    with pytest.raises(WeaklabError, match="no worker labeled an item 'z'"):
        crowd.said_of("z")


def test_workers_below_the_others_are_those_who_guess():
    L, _, right = planted(3, n=600, m=12, low=0.8, high=0.95)
    guess = np.random.default_rng(0).integers(0, 2, (600, 2))
    L = np.column_stack([L, np.where(np.arange(600)[:, None] % 2 == 0, guess, ABSTAIN)])
    i, j = np.nonzero(L >= 0)
    quality = wl.Crowd(pd.DataFrame({"item": i, "worker": j, "label": L[i, j]})).quality()
    below = below_others(quality)
    assert {"12", "13"} <= set(below)
    assert all(right[int(name)] < np.mean(right) for name in below if int(name) < 12)
    assert in_order(quality, "accuracy")["worker"].tolist()[: len(below)] == below
    assert in_order(quality)["n_labels"].is_monotonic_decreasing
