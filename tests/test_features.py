"""Features: what they compute, how they are asked for, and their files."""

import json
import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse

import weaklab
from weaklab.core.errors import WeaklabError
from weaklab.features import (
    FEATURES,
    Combined,
    FastText,
    Word2Vec,
    feature_spec,
    features,
    features_from_spec,
    fit_cached,
)

TEXTS = [f"red green word{i % 3} lunch number{i % 5}" for i in range(30)]
NAMES = [name for name in FEATURES.names() if name not in ("auto", "sentence")]  # tests/test_sentence.py tests the last


@pytest.fixture
def corpus():
    return weaklab.read([{"id": str(i), "text": text, "x": float(i % 3)} for i, text in enumerate(TEXTS)])


def rows(X):
    return np.asarray(X.todense() if sparse.issparse(X) else X)


# ---- word vectors


@pytest.mark.parametrize("kind", [Word2Vec, FastText])
def test_a_text_is_the_mean_of_its_word_vectors_each_times_its_idf_without_what_all_texts_share(
    corpus, kind, monkeypatch
):
    held = {}
    train = kind._train
    monkeypatch.setattr(kind, "_train", lambda self, *given: held.setdefault("wv", train(self, *given)))
    X = kind(size=8).fit(corpus).transform_corpus(corpus)

    def idf(word):
        return np.log(31 / (1 + sum(word in text.split() for text in TEXTS))) + 1

    means = np.array([sum(held["wv"][word] * idf(word) for word in text.split()) for text in TEXTS])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    common = np.linalg.svd(means)[2][0]
    wanted = means - np.outer(means @ common, common)
    np.testing.assert_allclose(X, wanted / np.linalg.norm(wanted, axis=1, keepdims=True), atol=1e-4)


def test_fasttext_gives_a_misspelt_word_a_vector_like_the_word_and_word2vec_gives_none(corpus):
    misspelt = next(weaklab.read(["lunchh", "lunch", "漢字漢字漢字"]).batches())
    like, word, strange = FastText(size=16).fit(corpus).transform(misspelt)
    assert like @ word > 0.5
    assert not strange.any()
    assert not Word2Vec(size=16).fit(corpus).transform(misspelt)[0].any()


def test_size_is_the_number_of_columns(corpus):
    for name in ("word2vec", "fasttext", "doc2vec"):
        assert features(name, size=7).fit(corpus).transform_corpus(corpus).shape == (30, 7)


def test_vectors_do_not_depend_on_the_hash_seed_or_on_the_other_texts_of_a_batch():
    names = ["word2vec", "fasttext", "doc2vec"]
    program = f"""
import weaklab
from weaklab.features import features
for name in {names}:
    fitted = features(name, size=5, epochs=2).fit(weaklab.read({TEXTS!r}))
    print(fitted.transform(next(weaklab.read({TEXTS[:2]!r}).batches()))[1].tolist())
"""
    outs = {
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outs) == 1
    for name, there in zip(names, outs.pop().splitlines(), strict=True):
        fitted = features(name, size=5, epochs=2).fit(weaklab.read(TEXTS))
        here = fitted.transform(next(weaklab.read(TEXTS[1:4]).batches()))[0]
        np.testing.assert_allclose(here, np.array(json.loads(there)), atol=1e-6, err_msg=name)


@pytest.mark.parametrize("name", ["word2vec", "doc2vec"])
def test_a_text_without_a_known_word_has_no_vector(corpus, name):
    strange = next(weaklab.read(["", "bonjour", "guten tag"]).batches())
    assert not features(name, size=16).fit(corpus).transform(strange).any()


@pytest.mark.parametrize("name", ["word2vec", "fasttext", "doc2vec"])
def test_a_corpus_with_no_word_twice_says_what_to_do(name):
    with pytest.raises(WeaklabError, match="lower min_count or use 'tfidf'"):
        features(name).fit(weaklab.read(["one", "two"]))


# ---- asking for features


@pytest.mark.parametrize(
    "what",
    [
        ["tfidf", ["word2vec", {"size": 50}]],
        ["tfidf", {"name": "word2vec", "size": 50}],
        [{"name": "tfidf"}, features("word2vec", size=50)],
    ],
)
def test_a_list_combines_names_with_settings(what):
    made = features(what)
    assert isinstance(made, Combined)
    assert made.fingerprint == features([features("tfidf"), features("word2vec", size=50)]).fingerprint
    assert features_from_spec(feature_spec(made)).fingerprint == made.fingerprint


@pytest.mark.parametrize("what", [["word2vec", {"size": 50}], {"name": "word2vec", "size": 50}])
def test_one_name_may_have_settings(what):
    assert features(what).settings() == {"size": 50, "window": 5, "min_count": 2, "epochs": 10, "seed": 0}


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ({"size": 50}, "have no name"),
        ([], "empty list"),
        (["tfidf", ["word2vec", {"sise": 50}]], "unexpected keyword argument 'sise'"),
        (7, "cannot make features of 7"),
        (["tfidf", {"name": "wordvec"}], "did you mean 'word2vec'"),
    ],
)
def test_what_is_no_feature_set_is_refused(what, message):
    with pytest.raises(WeaklabError, match=message):
        features(what)


def test_different_feature_sets_have_different_fingerprints():
    prints = [features(name).fingerprint for name in NAMES] + [features("word2vec", size=50).fingerprint]
    assert len(set(prints)) == len(prints)


def test_an_object_with_encode_or_with_a_fit_that_returns_nothing_plugs_in(corpus):
    class Encoder:
        def encode(self, texts):
            return np.array([[len(text)] for text in texts])

    class Fits:
        def fit(self, texts):
            self.n = len(texts)

        def transform(self, texts):
            return np.full((len(texts), 1), self.n)

    assert features(Encoder()).fit(corpus).transform_corpus(corpus)[0, 0] == len(TEXTS[0])
    assert features(Fits()).fit(corpus).transform_corpus(corpus)[0, 0] == 30


def test_fitting_changes_no_fingerprint(corpus):
    from sklearn.feature_extraction.text import CountVectorizer

    for what in ("tfidf", ["tfidf", "columns"], CountVectorizer()):
        made = features(what)
        before = made.fingerprint
        assert made.fit(corpus).fingerprint == before


# ---- files


@pytest.mark.parametrize("what", ["auto", *NAMES, ["tfidf", ["word2vec", {"size": 6}], "columns"]], ids=str)
def test_what_a_file_holds_transforms_exactly_as_what_was_fitted(what, corpus, tmp_path, monkeypatch):
    fitted, X = fit_cached(features(what), corpus, "k", tmp_path)
    unseen = next(weaklab.read([{"id": "u", "text": "red lunchtime wrod1", "x": 2.5}]).batches())
    expected = rows(fitted.transform(unseen))
    for kind in {type(part) for part in [fitted, *getattr(fitted, "_parts", [])]}:
        monkeypatch.setattr(kind, "fit", lambda self, corpus: pytest.fail("was fitted again"))
    again, same = fit_cached(features(what), corpus, "k", tmp_path)
    assert type(same) is type(X)
    np.testing.assert_array_equal(rows(same), rows(X))
    np.testing.assert_array_equal(rows(again.transform(unseen)), expected)
    assert len(list(tmp_path.glob("*.npz"))) == 1


def test_another_corpus_key_or_another_setting_is_another_file(corpus, tmp_path):
    fit_cached(features("tfidf"), corpus, "k", tmp_path)
    fit_cached(features("tfidf", min_df=2), corpus, "k", tmp_path)
    _, X = fit_cached(features("tfidf"), weaklab.read(["a b c"]), "other", tmp_path)
    assert X.shape[0] == 1
    assert len(list(tmp_path.glob("*.npz"))) == 3


@pytest.mark.parametrize("damage", ["cut", "empty", "noise", "flip", "other"])
def test_a_damaged_file_is_made_again(damage, corpus, tmp_path):
    _, X = fit_cached(features("tfidf"), corpus, "k", tmp_path)
    path = next(tmp_path.glob("*.npz"))
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(
        {
            "cut": whole[:middle],
            "empty": b"",
            "noise": b"no zip at all",
            "flip": whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :],
            "other": b"",
        }[damage]
    )
    if damage == "other":
        np.savez(path, tree=np.frombuffer(b'{"table": {"state": {"json": 1}}}', dtype=np.uint8))
    with pytest.warns(weaklab.core.errors.WeaklabWarning, match="damaged or was not written for these records"):
        _, again = fit_cached(features("tfidf"), corpus, "k", tmp_path)
    np.testing.assert_array_equal(rows(again), rows(X))
    assert path.read_bytes() == whole


def test_features_of_other_records_are_made_again(corpus, tmp_path):
    fit_cached(features("tfidf"), corpus, "k", tmp_path)
    with pytest.warns(weaklab.core.errors.WeaklabWarning, match="made for other records"):
        _, X = fit_cached(features("tfidf"), weaklab.read(["red lunch", "blue"]), "k", tmp_path)
    assert X.shape[0] == 2


def test_features_whose_file_is_gone_are_made_again(corpus, tmp_path):
    fit_cached(features("tfidf"), corpus, "k", tmp_path)
    next(tmp_path.glob("*.npz")).unlink()
    with pytest.warns(weaklab.core.errors.WeaklabWarning, match="is not there any more; it is made again"):
        fit_cached(features("tfidf"), corpus, "k", tmp_path)


def test_an_object_that_is_not_weaklabs_is_fitted_and_leaves_no_file(corpus, tmp_path):
    from sklearn.feature_extraction.text import CountVectorizer

    _, X = fit_cached(features(CountVectorizer()), corpus, "k", tmp_path)
    assert X.shape[0] == 30
    assert list(tmp_path.iterdir()) == []


def test_unwritable_folder_only_disables_the_cache(corpus, tmp_path):
    file = tmp_path / "file"
    file.write_text("in the way")
    with pytest.warns(weaklab.core.errors.WeaklabWarning, match="cannot be kept: (Not a directory|File exists)"):
        _, X = fit_cached(features("tfidf"), corpus, "k", file / "cache")
    assert X.shape[0] == 30
