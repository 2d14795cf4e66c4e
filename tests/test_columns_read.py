"""Which columns a labeling function reads is known from its code, or is not known; never is one missed."""

import pytest

from weaklab.heuristics.columns_read import columns_read


def test_columns_by_attribute_and_by_key():
    def reads(x, least=3):
        if x.n > least:
            return x["a b"]
        try:
            return x.q
        except AttributeError:
            return f"{x.z} of {x.record_id}"

    assert columns_read(reads) == {"n", "a b", "q", "z"}
    assert columns_read(lambda x: None) == set()


def passes_on(x):
    return len(dict(x))


def renames(x):
    y = x
    return y.n


def keeps(x):
    return (lambda: x.n)()


def asks(x):
    return hasattr(x, "n")


def contains(x):
    return "n" in x


def computed(x):
    return x[x.name]


def offered(x):
    return x.get("n")


def looks_around(x):
    return locals()["x"].n


def compares(x):
    return x.n == x


def starred(*x):
    return x[0].n


@pytest.mark.parametrize(
    "function",
    [passes_on, renames, keeps, asks, contains, computed, offered, looks_around, compares, starred, str.lower],
)
def test_what_the_code_does_not_show_is_not_known(function):
    assert columns_read(function) is None
