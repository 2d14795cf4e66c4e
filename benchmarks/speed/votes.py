"""Rows of the voting: twenty labeling functions over texts of about 139 characters.

Both sides start from the same data frame in memory, and weaklab's time includes reading it into a corpus.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import weaklab
from benchmarks.speed import functions
from benchmarks.speed.measure import REPEATS, CheckError, beside, check_votes, noted, timed
from benchmarks.speed.rows import row
from benchmarks.speed.texts import frame, keyword_lists, texts
from weaklab.voting.committee import TIMEOUT_SECONDS, Committee, MemoryCache

SNORKEL = "Snorkel PandasLFApplier"
EDITED_LIST = 9
"""The list of keywords that is edited, the longest."""


def committee_of(heuristics: Sequence[Any], timeout: float | None = TIMEOUT_SECONDS) -> Committee:
    """Return a committee with one child process, as the peers have one."""
    committee = Committee(functions.LABELS, timeout=timeout, workers=1)
    for heuristic in heuristics:
        committee.add(heuristic)
    return committee


def vote(committee: Committee, data: Any) -> Callable[[], np.ndarray]:
    """Return a call that votes on everything, with nothing known from before."""
    return lambda: committee.vote(data, cache=MemoryCache(), progress=False).L


def snorkel(data: Any, lfs: Sequence[Any]) -> Callable[[], np.ndarray]:
    """Return a call that applies Snorkel's labeling functions."""
    from snorkel.labeling import PandasLFApplier

    applier = PandasLFApplier(list(lfs))
    return lambda: np.asarray(applier.apply(data, progress_bar=False))


def both_as(wanted: np.ndarray, peer: str) -> Callable[[Any, Any], None]:
    """Return a check that both sides vote like plain Python."""

    def check(ours: Any, theirs: Any) -> None:
        check_votes(ours, wanted, "weaklab")
        check_votes(theirs, wanted, peer)

    return check


def median_of(work: Callable[[], Any]) -> float:
    """Return the CPU seconds of a call."""
    return statistics.median(timed(work)[0].cpu for _ in range(REPEATS))


def as_corpus(data: Any) -> weaklab.Corpus:
    """Return a corpus that has been read once, as that of a project has."""
    corpus = weaklab.read(data)
    len(corpus)
    return corpus


@row("lf_declared", n=100_000, quick=5_000, goal=200)
def lf_declared(n: int) -> dict[str, Any]:
    """Twenty declared functions, against the same written for Snorkel."""
    data, _ = frame(n)
    committee = committee_of(functions.declared())
    check = both_as(functions.reference(list(data.text)), SNORKEL)
    found = beside(vote(committee, data), snorkel(data, functions.snorkel_functions(functions.quick())), SNORKEL, check)
    corpus = median_of(vote(committee, as_corpus(data)))
    return noted({**found, "weaklab_from_corpus": corpus}, f"{corpus:.3g} s where the corpus has been read before")


@row("lf_declared_vs_polars", n=100_000, quick=20_000, goal=2)
def lf_declared_vs_polars(n: int) -> dict[str, Any]:
    """The same against expressions of polars in one lazy select, both from a polars frame."""
    import polars as pl

    made, _ = texts(n)
    data = pl.DataFrame({"text": pl.from_arrow(made)})
    values = made.to_pylist()
    wanted = functions.reference(values)
    plain_rows = np.array([text.isascii() for text in values])
    differing = 0

    def check(ours: Any, theirs: Any) -> None:
        nonlocal differing
        check_votes(ours, wanted, "weaklab")
        check_votes(theirs[plain_rows], wanted[plain_rows], "polars, on ASCII texts,")
        differing = int((theirs != wanted).any(axis=1).sum())

    committee = committee_of(functions.declared())
    found = beside(vote(committee, data), lambda: functions.polars_votes(data), "polars expressions", check)
    corpus = median_of(vote(committee, as_corpus(data)))
    note = f"polars votes otherwise than Python on {differing} of {int((~plain_rows).sum()):,} texts that are not ASCII"
    return noted(
        noted({**found, "weaklab_from_corpus": corpus}, note), f"{corpus:.3g} s where the corpus has been read before"
    )


@row("lf_python", n=100_000, quick=5_000, goal=50)
def lf_python(n: int) -> dict[str, Any]:
    """The same twenty as functions of a record, the very same functions on both sides."""
    data, _ = frame(n)
    lfs = [weaklab.labeling_function(name=name)(function) for name, function in functions.opaque(functions.quick())]
    check = both_as(functions.reference(list(data.text)), SNORKEL)
    found = beside(
        vote(committee_of(lfs), data), snorkel(data, functions.snorkel_functions(functions.quick())), SNORKEL, check
    )
    alone = vote(committee_of(lfs, timeout=None), data)
    check_votes(alone(), functions.reference(list(data.text)), "weaklab without a timeout")
    seconds = median_of(alone)
    return noted(
        {**found, "weaklab_timeout_none": seconds},
        f"{seconds:.3g} s, ratio {found['peer'] / seconds:.3g}, with timeout=None",
    )


@row("lf_edit", n=100_000, quick=10_000, goal=70)
def lf_edit(n: int) -> dict[str, Any]:
    """One list of keywords is edited, the columns of the others are known; against Snorkel with that function alone."""
    data, _ = frame(n)
    values = list(data.text)
    words = keyword_lists()[EDITED_LIST]

    def edited_words(edit: int) -> tuple[str, ...]:
        return (*words[:edit], *words[edit + 1 :], f"edited{edit}")

    found = _edit(
        data,
        values,
        f"words_{EDITED_LIST}",
        lambda edit: weaklab.keywords(
            functions.LABELS[EDITED_LIST % 2], edited_words(edit), name=f"words_{EDITED_LIST}"
        ),
        lambda edit: (f"words_{EDITED_LIST}", EDITED_LIST % 2, functions.quick_keywords(edited_words(edit))),
    )
    name, label, _ = functions.PATTERNS[0]

    def regex(edit: int) -> str:
        return rf"\b\d{{1,{edit}}}(?:%|,)"

    pattern = _edit(
        data,
        values,
        name,
        lambda edit: weaklab.pattern(functions.LABELS[label], regex(edit), name=name),
        lambda edit: (name, label, functions.finds(re.compile(regex(edit), re.IGNORECASE))),
    )
    figures = {key: pattern[key] for key in ("ratio", "spread", "weaklab", "peer")}
    note = (
        f"adding it to the committee included; an edited regular expression: {pattern['weaklab']:.3g} s, ratio "
        f"{pattern['ratio']:.3g}"
    )
    return noted({**found, "edited_pattern": figures}, note)


def _edit(
    data: Any,
    values: list[str],
    name: str,
    ours: Callable[[int], Any],
    theirs: Callable[[int], tuple[str, int, functions.Test]],
) -> dict[str, Any]:
    """Edit one function again and again, each time otherwise; the first edit is checked."""
    corpus = weaklab.read(data)
    committee = committee_of(functions.declared())
    known = committee.vote(corpus, progress=False).L
    at = committee.names.index(name)
    edits = {"weaklab": 0, "peer": 0}

    def our_edit() -> np.ndarray:
        edits["weaklab"] += 1
        committee.add(ours(edits["weaklab"]))
        return committee.vote(corpus, progress=False).L

    def their_edit() -> np.ndarray:
        edits["peer"] += 1
        return snorkel(data, functions.snorkel_functions([theirs(edits["peer"])]))()

    def check(mine: Any, peers: Any) -> None:
        _, label, test = theirs(1)
        wanted = known.copy()
        wanted[:, at : at + 1] = functions.votes([(label, test)], values)
        if np.array_equal(wanted, known):
            raise CheckError(f"the edit of {name} changes no vote, so that nothing is checked")
        check_votes(mine, wanted, "weaklab after an edit")
        check_votes(peers, wanted[:, at : at + 1], SNORKEL)

    return beside(our_edit, their_edit, f"{SNORKEL}, that function alone", check)
