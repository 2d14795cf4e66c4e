"""Near-duplicates: the same result as comparing all pairs; texts with other numbers or negations are different."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weaklab.core.errors import WeaklabError
from weaklab.features.near_duplicates import (
    MIN_SHINGLES,
    SHINGLE,
    _number_and_negation_hash,
    near_duplicates,
    normalised,
)


def shingles(reading):
    return {reading[i : i + SHINGLE] for i in range(len(reading) - SHINGLE + 1)}


def are_duplicates(one, other, similarity):
    a, b = normalised(one), normalised(other)
    if a == b:
        return True
    A, B = shingles(a), shingles(b)
    if min(len(A), len(B)) < MIN_SHINGLES or _number_and_negation_hash(a) != _number_and_negation_hash(b):
        return False
    return len(A & B) / len(A | B) >= similarity


def by_all_pairs(texts, keys, similarity):
    """Each record, by key, joins the first representative that it is similar to, or becomes one."""
    found, leaders = [0] * len(texts), []
    for row in sorted(range(len(texts)), key=lambda row: keys[row]):
        found[row] = next((leader for leader in leaders if are_duplicates(texts[leader], texts[row], similarity)), row)
        if found[row] == row:
            leaders.append(row)
    return found


WORDS = [
    "otters",
    "winter",
    "never",
    "12",
    "13",
    "minister",
    "resigns",
    "over",
    "ten",
    "facts",
    "not",
    "the",
    "storm",
    "é",
    "🦦",
]


@st.composite
def families(draw):
    """Texts and slightly changed copies of them, with keys in any order."""
    bases = draw(
        st.lists(st.lists(st.sampled_from(WORDS), min_size=0, max_size=25).map(" ".join), min_size=1, max_size=4)
    )
    texts = list(bases)
    for _ in range(draw(st.integers(0, 12))):
        text = draw(st.sampled_from(texts))
        place = draw(st.integers(0, len(text)))
        texts.append(
            text[:place]
            + draw(st.sampled_from(["", "!", " ", "x", " not", "7", "A bit of more"]))
            + text[place + draw(st.integers(0, 2)) :]
        )
    return texts, draw(st.permutations(range(len(texts))))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(families(), st.sampled_from([0.7, 0.9, 1.0]))
def test_the_groups_are_those_of_comparing_all_pairs(family, similarity):
    texts, keys = family
    assert near_duplicates(texts, np.array(keys, dtype=np.uint64), similarity).tolist() == by_all_pairs(
        texts, keys, similarity
    )


@settings(max_examples=50, deadline=None, derandomize=True)
@given(families(), st.randoms(use_true_random=False))
def test_the_order_of_the_records_does_not_matter(family, random):
    texts, keys = family
    order = list(range(len(texts)))
    random.shuffle(order)
    there = near_duplicates(texts, np.array(keys, dtype=np.uint64))
    here = near_duplicates([texts[row] for row in order], np.array([keys[row] for row in order], dtype=np.uint64))
    assert [order[row] for row in here] == [there[row] for row in order]


LONG = (
    "the minister of transport said on tuesday that the new railway line to the coast will be opened in the summer "
    "of next year"
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I love it", "i   LOVE it!"),
        ("It’s here", "it's here"),
        ("ﬁne café", "fine café"),
        ("", "   "),
        (LONG, LONG.replace("tuesday", "Tuesday,") + " x"),
        ("a\0b", "A\0b"),
    ],
)
def test_duplicates(one, other):
    assert near_duplicates([one, other]).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("i love it", "i do not love it"),
        ("great :)", "great :("),
        ("is it?", "is it"),
        ("...", "!!!"),
        (LONG, LONG.replace("will be", "will not be")),
        (LONG + " and it isn't dear", LONG + " and it is dear"),
        (LONG + " on flight 12", LONG + " on flight 13"),
        (LONG + " from 12 to 13", LONG + " from 13 to 12"),
        (LONG, LONG + " 1"),
        ("flight twelve", "flight twelvf"),
        ("1.5 percent", "15 percent"),
    ],
)
def test_no_duplicates(one, other):
    assert near_duplicates([one, other], similarity=0.8).tolist() == [0, 1]


def test_there_are_no_chains():
    words = LONG.split()
    steps = [" ".join(["zebra"] * n + words[n:]) for n in range(12)]
    found = near_duplicates(steps, similarity=0.8)
    assert all(found[row] == row or are_duplicates(steps[row], steps[found[row]], 0.8) for row in range(len(steps)))
    assert len(set(found.tolist())) > 2
    assert all(found[leader] == leader for leader in found)


def test_the_smallest_key_represents_a_group():
    assert near_duplicates(["same"] * 3, np.array([5, 1, 3], dtype=np.uint64)).tolist() == [1, 1, 1]


def test_many_copies_of_one_template_and_many_equal_texts_are_found_in_full():
    letters = [f"{LONG} says q{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(600)]
    assert set(near_duplicates(letters).tolist()) == {0}
    assert set(near_duplicates(["x" * 40] * 2000).tolist()) == {0}


def test_work_is_linear_where_everything_is_alike_but_not_enough(monkeypatch):
    """Half of each text is common: buckets are crowded, and none are duplicates."""
    import weaklab.features.near_duplicates as module

    compared = []
    original = module._jaccard
    monkeypatch.setattr(
        module, "_jaccard", lambda readings, left, right: compared.append(len(left)) or original(readings, left, right)
    )
    n = 2000
    alphabet = np.array(list("abcdefghijklmnopqrstuvwxyz "))
    rng = np.random.default_rng(0)
    texts = [LONG[:60] + "".join(rng.choice(alphabet, 30)) for _ in range(n)]
    assert near_duplicates(texts, similarity=0.9).tolist() == list(range(n))
    bands = module._bands(0.9)[1]
    assert 0 < sum(compared) <= module.LEADERS * bands * n


def test_hostile_texts_are_taken():
    texts = [
        "",
        "x",
        "\0" * 50,
        "e" + "́" * 5000,
        "🦦" * 40,
        "\ud800" * 30,
        "word " * 200_000,
        "word " * 200_001,
        "‏שלום" * 9,
    ]
    found = near_duplicates(texts)
    assert found.shape == (9,)
    assert near_duplicates([]).shape == (0,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"texts": ["a", None]}, "got NoneType in row 1"),
        ({"texts": ["a"], "similarity": 0}, "similarity"),
        ({"texts": ["a"], "similarity": 1.1}, "similarity"),
        ({"texts": ["a"], "keys": [1, 2]}, "keys must be one whole number per record"),
        ({"texts": ["a"], "keys": [0.5]}, "keys must be one whole number per record"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(WeaklabError, match=message):
        near_duplicates(**arguments)
