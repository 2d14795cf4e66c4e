"""Compiled counts of n-grams: bit for bit what scikit-learn's vectorizers give."""

import re
import subprocess
import sys

import cloudpickle
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

import weaklab
from weaklab.core.errors import WeaklabError
from weaklab.features import WORDS, base, features, fit_cached, grams, kernels, sharing, transform_once, words
from weaklab.features.grams import Grams, learned
from weaklab.features.words import Characters, Tfidf

TEXTS = [f"Rot grün wort{i % 30} Straße{i % 7}! 100% @anna… ΣΟΦΟΣ\u00a0日本語 {'ab' * (i % 50)} 😀" for i in range(60)]
WORDLIKE = (
    "ab abc abcd abcde wort ! € … _ 7 ² ß é e\u0301 İ Σ σς 日本 한글 हिन्दी 😀 \U00010400 \ud7ff \uffff \U0010ffff "
    "\u200d - ' l'été"
)
PIECES = st.sampled_from([*WORDLIKE.split(" "), " ", "  ", "\n", "\t\x1c\x85", "\u2003", "\x00"])
ANY_TEXTS = st.lists(st.lists(PIECES | st.text(max_size=3), max_size=12).map("".join), min_size=1, max_size=8)
NGRAMS = st.tuples(st.integers(1, 5), st.integers(0, 3)).map(lambda n: (n[0], n[0] + n[1]))


@pytest.fixture
def compiled(monkeypatch):
    monkeypatch.setattr(words, "FEW_TEXTS", 1)


def corpus_of(texts):
    return weaklab.read([{"id": str(i), "text": text} for i, text in enumerate(texts)])


def assert_same(X, Y):
    assert type(X) is type(Y)
    assert X.shape == Y.shape
    for part in ("indptr", "indices", "data"):
        ours, theirs = getattr(X, part), getattr(Y, part)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours.view(np.uint32), theirs.view(np.uint32))


def sklearns(by_word, ngrams, **settings):
    way = {"token_pattern": WORDS} if by_word else {"analyzer": "char_wb"}
    return CountVectorizer(ngram_range=ngrams, preprocessor=str.lower, dtype=np.float32, **way, **settings)


# ---- counts


@settings(max_examples=150, deadline=None)
@given(ANY_TEXTS, ANY_TEXTS, st.booleans(), NGRAMS, st.integers(1, 2), st.none() | st.integers(1, 30))
@example(["a b"], ["b  a\x00 b", "", "\x00"], False, (1, 3), 1, None)
@example(["İIı ΑΣ ΑΣΑ"], ["ΑΣ"], True, (1, 2), 1, None)
def test_vocabulary_and_counts_are_those_of_scikit_learn(texts, others, by_word, ngrams, min_df, max_features):
    vectorizer = sklearns(by_word, ngrams, min_df=min_df, max_features=max_features)
    lowered = [text.lower() for text in texts]
    vocabulary, X = learned([lowered[:3], lowered[3:]], ngrams, by_word, min_df, max_features)
    try:
        vectorizer.fit(texts)
    except ValueError:
        assert vocabulary == []
        return
    assert {word: column for column, word in enumerate(vocabulary)} == vectorizer.vocabulary_
    assert (vectorizer.transform(texts) != X).nnz == 0
    counts = Grams(ngrams, by_word, vocabulary).counts([text.lower() for text in others])
    wanted = vectorizer.transform(others)
    for part in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(counts, part), getattr(wanted, part))


def test_every_character_is_what_python_says_it_is():
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    kinds = grams._kinds()
    for kind, is_one in ((kernels.WORD, r"\w"), (kernels.SPACE, r"\s"), (kernels.SIGN, f"[{grams.SIGNS}]")):
        found = {c for c in characters if kinds[ord(c)] == kind}
        assert found == set(re.findall(is_one, "".join(characters)))
    assert {c for c in characters if kinds[ord(c)] == kernels.SPACE} == {c for c in characters if c.isspace()}


def test_characters_of_every_length_in_utf8_are_read_right():
    texts = [f"a{chr(code)}b" for code in range(0x80, 0x110000, 991) if not 0xD800 <= code < 0xE000]
    for by_word in (True, False):
        vectorizer = sklearns(by_word, (1, 3), lowercase=False)
        vectorizer.preprocessor = str
        wanted = vectorizer.fit_transform(texts)
        vocabulary, X = learned([texts], (1, 3), by_word, 1, None)
        assert vocabulary == list(vectorizer.get_feature_names_out())
        assert (wanted != X).nnz == 0


@pytest.mark.parametrize("by_word", [True, False])
def test_tables_grow_with_texts_and_with_long_words(by_word, monkeypatch):
    monkeypatch.setattr(grams, "_ROOM", 2)
    rng = np.random.default_rng(0)
    texts = [" ".join(f"w{n}" * int(n % 9 + 1) for n in rng.integers(0, 500, size)) for size in (1, 3000, 0, 2, 1000)]
    texts.append("x" * 5000)
    vectorizer = sklearns(by_word, (1, 3), max_features=2000)
    vectorizer.fit(texts)
    vocabulary, X = learned([texts[:2], texts[2:]], (1, 3), by_word, 1, 2000)
    assert vocabulary == list(vectorizer.get_feature_names_out())
    assert (vectorizer.transform(texts) != X).nnz == 0


# ---- feature sets


@pytest.mark.parametrize("kind", [Tfidf, Characters])
@pytest.mark.parametrize("keep", [None, 40])
def test_fitted_and_transformed_matrices_are_bit_for_bit_the_same_as_for_few_texts(kind, keep, compiled, monkeypatch):
    corpus, unseen = corpus_of(TEXTS), next(corpus_of([*TEXTS[3:5], "", "Neue WÖRTER 日本", "\x00"]).batches())
    fast = kind(max_features=keep)
    X, Y = fast.fit_transform(corpus), fast.transform(unseen)
    again = kind(max_features=keep).fit(corpus).transform_corpus(corpus)
    assert fast._grams is not None
    monkeypatch.setattr(words, "FEW_TEXTS", 10**9)
    slow = kind(max_features=keep).fit(corpus)
    assert slow._grams is None
    for ours, theirs in (
        (X, slow.transform_corpus(corpus)),
        (again, slow.transform_corpus(corpus)),
        (Y, slow.transform(unseen)),
    ):
        assert_same(ours, theirs)
    assert fast.state()["vocabulary"] == slow.state()["vocabulary"]
    np.testing.assert_array_equal(fast.state()["idf"], slow.state()["idf"])


@pytest.mark.parametrize("kind", [Tfidf, Characters])
def test_only_the_beginning_of_a_text_counts(kind, compiled, monkeypatch):
    monkeypatch.setattr(kind, "_most", 6)
    long, short = corpus_of(["Äb cd efgh", "ij"] * 3), corpus_of(["Äb cd ", "ij"] * 3)
    assert_same(kind(min_df=1).fit_transform(long), kind(min_df=1).fit_transform(short))


def test_small_batches_count_together_and_change_at_once(monkeypatch):
    corpus = corpus_of(TEXTS)
    batch = next(corpus.batches())
    held = Tfidf().fit(corpus)
    first = held.transform(batch)
    assert held._grams is None
    monkeypatch.setattr(words, "FEW_TEXTS", 2 * len(TEXTS))
    second = held.transform(batch)
    assert held._grams is not None
    assert_same(second, first)


@pytest.mark.parametrize(("kind", "compiled_from"), [(Tfidf, 20), (Characters, 60)])
def test_a_long_text_counts_as_several(kind, compiled_from, monkeypatch):
    monkeypatch.setattr(words, "FEW_TEXTS", 2000)
    monkeypatch.setattr(Characters, "_most", 5000)
    long = [" ".join(TEXTS) * 4] * 60
    for n in (compiled_from - 10, compiled_from):
        kept = kind().fit(corpus_of(long[:n]))
        X = kept.transform_corpus(corpus_of(long[:n]))
        assert (kept._grams is not None) == (n == compiled_from)
    monkeypatch.setattr(words, "FEW_TEXTS", 10**9)
    assert_same(X, kind().fit(corpus_of(long[:n])).transform_corpus(corpus_of(long[:n])))


def test_texts_that_are_missing_or_in_several_columns_are_read_as_for_few_texts(compiled, monkeypatch):
    corpus = weaklab.read(
        [{"title": f"Ein Titel {i}", "body": None if i % 2 else f"wort{i}"} for i in range(20)], text=["title", "body"]
    )
    X = features("auto").fit_transform(corpus)
    monkeypatch.setattr(words, "FEW_TEXTS", 10**9)
    Y = features("auto").fit(corpus).transform_corpus(corpus)
    assert X.shape == Y.shape
    assert (X != Y).nnz == 0


@pytest.mark.parametrize("texts", [["", "  "], ["- -", "("]])
def test_texts_without_a_word_are_refused_in_the_same_words(texts, compiled):
    with pytest.raises(WeaklabError, match=r"empty vocabulary; .* is its text column the right one"):
        Tfidf().fit(corpus_of(texts))
    with pytest.raises(WeaklabError, match="After pruning, no terms remain"):
        Tfidf(min_df=2).fit_transform(corpus_of(["a", "b"]))


def test_settings_that_the_compiled_loops_do_not_know_are_scikit_learns(compiled):
    assert Tfidf(min_df=0.5).fit(corpus_of(["a b", "a c", "a d"])).state()["vocabulary"] == ["a"]
    with pytest.raises(WeaklabError, match="ngram_range"):
        Tfidf(ngrams=(2, 1)).fit(corpus_of(["a b"]))


def test_fitted_features_are_pickled_without_work_tables(compiled):
    corpus = corpus_of(TEXTS)
    batch = next(corpus.batches())
    held = features("auto").fit(corpus)
    before, X = len(cloudpickle.dumps(held)), held.transform(batch)
    there = cloudpickle.loads(sent := cloudpickle.dumps(held))
    assert len(sent) < before + 100
    assert_same(there.transform(batch), X)


def test_features_that_are_kept_are_read_in_one_pass(compiled, tmp_path, monkeypatch):
    corpus = corpus_of(TEXTS)
    monkeypatch.setattr(Tfidf, "transform", lambda self, batch: pytest.fail("the texts were taken apart again"))
    _, X = fit_cached(features("auto"), corpus, "k", tmp_path)
    _, again = fit_cached(features("auto"), corpus, "k", tmp_path)
    assert_same(X, again)


def test_few_texts_load_no_compiler():
    program = f"""
import sys, weaklab
corpus = weaklab.read({TEXTS[:5]!r})
weaklab.features.features("auto").fit(corpus).transform_corpus(corpus)
print("numba" in sys.modules)
"""
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
        == "False"
    )


# ---- sharing


class Counted(base.Features):
    calls = 0

    def fit(self, corpus):
        return self

    def transform(self, batch):
        self.calls += 1
        return np.full((batch.num_rows, 1), self.calls)


def test_features_are_computed_once_a_batch_within_sharing():
    first, second = Counted(), Counted()
    batch, other = next(corpus_of(["a"]).batches()), next(corpus_of(["b"]).batches())
    with sharing():
        for _ in range(3):
            transform_once(batch, first), transform_once(other, first), transform_once(batch, second)
    assert (first.calls, second.calls) == (2, 1)
    with sharing():
        assert transform_once(batch, first)[0, 0] == 3
    assert transform_once(batch, first)[0, 0] == 4
    assert transform_once(batch, first)[0, 0] == 5
