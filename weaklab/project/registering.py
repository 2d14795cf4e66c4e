"""Registering, trying and removing the heuristics of a project."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from weaklab.classifiers import WeakClassifier
from weaklab.core.errors import WeaklabError
from weaklab.core.tables import some_of
from weaklab.exchange.file_options import FileKeywords
from weaklab.heuristics import Heuristic, as_heuristic
from weaklab.heuristics import labeling_function as make
from weaklab.project.adding import add_records
from weaklab.project.extra_records import as_corpus
from weaklab.project.quality import preview
from weaklab.voting.committee import try_on as tried

if TYPE_CHECKING:
    import pyarrow as pa

    from weaklab.core.tables import Table
    from weaklab.crowd.annotators import CrowdVotes
    from weaklab.crowd.crowd import Crowd
    from weaklab.crowd.judgements import JudgementColumns
    from weaklab.project.workspace import Workspace

TRIAL_ROWS = 1000
"""A heuristic is tried on at most this many records of a project, spread evenly."""


def add(work: Workspace, /, heuristic: Any) -> Heuristic:
    """Register a heuristic, a Snorkel labeling function or a plain function; the same name replaces the old one.

    A text is the name of a heuristic that an installed package offers, see ``weaklab list heuristics``. These,
    keywords, patterns and named weak classifiers are remembered when the project is opened again. Of a function
    that was written in a notebook the votes are remembered; put it into a file of ``labeling_functions`` to keep
    the code.
    """
    member = work.members.add(heuristic)
    work.forget()
    return member


def labeling_function(work: Workspace, function: Callable[[Any], Any] | None = None, /, **options: Any) -> Any:
    """Make a labeling function and register it; takes what :func:`weaklab.labeling_function` takes."""

    def register(f: Callable[[Any], Any]) -> Heuristic:
        return add(work, make(**options)(f))

    return register if function is None else register(function)


def add_crowd(
    work: Workspace,
    /,
    data: Any,
    *,
    item: str | None = None,
    worker: str | None = None,
    label: str | None = None,
    name: str = "crowd",
    map: Mapping[Any, Any] | None = None,
    text: str | Sequence[str] | None = None,
    quiet: bool = False,
    **options: Unpack[FileKeywords],
) -> Crowd:
    """Register the labels of a crowd as one heuristic, and return the :class:`weaklab.Crowd` with what each worker
    is worth.

    It votes the consensus of the workers on each record, and counts as much as the probability of that says: a hundred
    workers are one line in the summary. The crowd is kept in the folder of the project; call it again when there are
    more records or labels. Where the project holds no record yet, the items become its records, with the columns that
    hold one value for each item, such as a text; what was taken for what is printed.

    Parameters
    ----------
    data : a table with a row for each label, as :class:`weaklab.Crowd` takes it; or a crowd, such as
        ``project.crowd().without(["8", "9"])``
    item, worker, label : names of the columns, items are record ids; by default those with a telling name, such as
        item, task or id; worker, annotator or user; label or answer
    name : of the heuristic; one of the same name is replaced
    map : value -> label name, for values that are no label names, as in :meth:`add_records`; former names of labels
        need none
    text : column or columns of the text, for a project without records; by default as in :meth:`add_records`
    quiet : print nothing
    options : how a file is to be read, as in :meth:`add_records`

    Raises
    ------
    WeaklabError
        A label is none of the project's, or no item is a record. Where some are none, that is a warning.

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["cat", "dog"])
    >>> rows = [("a", "Ann", "cat"), ("a", "Bob", "cat"), ("b", "Ann", "dog"), ("b", "Bob", "dog"), ("b", "Eve", "cat")]
    >>> project.add_crowd([dict(zip(["item", "worker", "label"], row)) for row in rows])
    2 new records from the list
    column  read as
    item    id
    Crowd(5 labels of 2 items by 3 workers)
    >>> project.labels()[["item", "label"]].values.tolist()
    [['a', 'cat'], ['b', 'dog']]
    """
    from weaklab.crowd.annotators import CrowdVotes, check_items
    from weaklab.crowd.crowd import Crowd
    from weaklab.crowd.judgements import read_judgements
    from weaklab.exchange import table_source
    from weaklab.project.stored_crowds import keep_crowd

    work.refresh()
    judgements = data.table if isinstance(data, Crowd) else data
    table, columns, source = read_judgements(judgements, item, worker, label, options)
    crowd = Crowd(table_source(table, source), *columns, work.label_names, map)
    if not work.has_records:
        _add_items(work, table, columns, source, text, quiet)
    check_items(crowd, work.rows)
    votes = CrowdVotes.of(name, crowd)
    keep_crowd(work.path, crowd, votes)
    add(work, votes)
    return crowd


def _add_items(
    work: Workspace,
    table: pa.Table,
    columns: JudgementColumns,
    source: str,
    text: str | Sequence[str] | None,
    quiet: bool,
) -> None:
    """Make the items of a crowd the records of an empty project."""
    from weaklab.crowd.judgements import holds_texts, items_of
    from weaklab.exchange import table_source

    items = items_of(table, columns)
    texts = [] if text is None and not holds_texts(items) else text
    add_records(work, table_source(items, source), id=columns.item, text=texts, skip_known=True, quiet=quiet)


def crowd(work: Workspace, /, name: str = "crowd") -> Crowd:
    """Return a crowd that was added, with the labels of all its workers.

    Raises
    ------
    WeaklabError
        No crowd has this name.
    """
    from weaklab.project.stored_crowds import stored_crowd

    known = crowds(work)
    if name not in known:
        there = f"there are {some_of(list(known))}" if known else "there is none; add one with project.add_crowd(table)"
        raise WeaklabError(f"no crowd named {name!r}; {there}")
    return stored_crowd(work.path, known[name])


def crowds(work: Workspace, /) -> dict[str, CrowdVotes]:
    """Return the votes of each crowd, by its name."""
    from weaklab.crowd.annotators import CrowdVotes

    return {member.name: member for member in work.committee.heuristics if isinstance(member, CrowdVotes)}


def weak_classifier(
    work: Workspace, /, estimator: Any = "auto", features: Any = "auto", **settings: Any
) -> WeakClassifier:
    """Make a weak classifier and register it; takes what :class:`weaklab.WeakClassifier` takes.

    By default it suits the data: Naive Bayes on TF-IDF of texts, logistic regression on numeric columns and
    embeddings.

    As the last line of a notebook cell it shows :meth:`preview`.
    """
    classifier = WeakClassifier(estimator, features, **settings)
    add(work, classifier)
    classifier.show = lambda: preview(work, classifier.name)
    return classifier


def remove(work: Workspace, /, name: str) -> None:
    """Take out a heuristic that was registered in a session; one that stands in a file is taken out of the file."""
    work.members.remove(name)
    work.forget()


def try_on(work: Workspace, /, heuristic: Any = None, sample: Any = 10) -> Table:
    """Show at once what one heuristic, registered or not, votes on a few records.

    Parameters
    ----------
    heuristic : name, function or heuristic; by default all that are registered
    sample : how many records of the project to show, half of them with votes where there are such; or records of
        your own
    """
    chosen = (
        work.committee.heuristics
        if heuristic is None
        else [work.committee[heuristic] if isinstance(heuristic, str) else as_heuristic(heuristic)]
    )
    if not isinstance(sample, int):
        return tried(chosen, sample, work.label_names)
    work.refresh()
    n = len(work.corpus)
    rows = np.unique(np.linspace(0, n - 1, min(TRIAL_ROWS, n)).astype(np.int64))
    return tried(chosen, as_corpus(work.corpus.take(rows)), work.label_names, show=sample)
