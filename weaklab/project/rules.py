"""Rules that a project proposes from its labels, its committee and a selection of records, and writes on acceptance."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.errors import ProjectError, WeaklabError
from weaklab.core.files import sync_folder, write_errors
from weaklab.core.labels import ABSTAIN
from weaklab.project.rule_changes import remember

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weaklab.heuristics import Heuristic
    from weaklab.project.workspace import Workspace
    from weaklab.rules import Evidence, Rule, Rules

LOOKED_AT = 20_000
"""Rules are sought in at most this many records, spread evenly, beside those with a label and the selected ones."""


def propose_rules(
    work: Workspace,
    /,
    records: Iterable[Any] | None = None,
    label: str | None = None,
    most: int = 10,
    *,
    word: str | None = None,
) -> Rules:
    """Return labeling functions that would help the committee most: words, phrases, pairs of words, forms of text and
    thresholds of columns.

    Each has its coverage, its precision with a 95 % interval, and what it would bring to the committee as it is, see
    :class:`weaklab.rules.Rule`. No two are alike, and none is like a member. :meth:`accept_rule` makes one a member.

    Parameters
    ----------
    records : asks, records, ids or row numbers that the rules must have a share in; by default rules come from all
        manual labels, and from what the committee thinks of the other records
    label : what the rules vote; by default any label, with ``records`` the one that most of them have
    most : number of rules
    word : a word or phrase that the rules must look for, alone or with another word; the rule of this word alone comes
        first, however it is judged

    Raises
    ------
    WeaklabError
        There is no such record or label, ``most`` is below 1, or no text has the word.

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["ham", "spam"], timeout=None)
    >>> texts = [f"win prize {i}" if i % 2 else f"lunch at {i}" for i in range(40)]
    >>> _ = project.add_records([{"id": i, "text": text} for i, text in enumerate(texts)], quiet=True)
    >>> for i in range(8):
    ...     _ = project.label(str(i), "spam" if i % 2 else "ham")
    >>> rules = project.propose_rules(label="spam", most=1)
    >>> rules[0].says, rules[0].records
    ("spam where the text has 'prize'", 20)
    >>> project.accept_rule(rules[0]).name
    'keywords_spam_prize'
    """
    from weaklab.rules import mine
    from weaklab.rules.mining import sample_of

    if most < 1:
        raise WeaklabError(f"most is {most}; wanted the number of rules, at least 1")
    work.finish_encoding()
    known = evidence(work)
    chosen = None if records is None else _rows(work, records)
    rows = looked_at(known.y, chosen)
    selected = None if chosen is None else np.searchsorted(rows, chosen)
    part = sample_of(known, rows)
    return mine(
        work.corpus.take(rows),
        work.label_names,
        part,
        label=label,
        selected=selected,
        most=most,
        word=word,
        records=len(known.y) if len(rows) < len(known.y) else None,
    )


def evidence(work: Workspace) -> Evidence:
    from dataclasses import replace

    from weaklab.label_models import label_model
    from weaklab.project.quality import given_answers
    from weaklab.rules import Evidence

    state = work.state()
    answers = given_answers(work)
    at_random = np.zeros(len(state.P), dtype=bool)
    at_random[answers.rows[answers.among_all]] = True

    def model() -> Any:
        made = label_model(work.settings.label_model)
        made.n_classes = len(work.label_names)
        return made

    votes = replace(state.votes, feature_proba=state.feature_proba)
    return Evidence(votes, state.P, work.snapshot.y, at_random, model, work.rows.ids)


def _rows(work: Workspace, records: Iterable[Any]) -> NDArray[np.int64]:
    """Return the row numbers of a selection, ascending."""
    if not isinstance(records, Iterable):
        raise ProjectError(f"records must be a list of ids, row numbers or asks, got {records!r}")
    given = list(records) if not isinstance(records, str) else [records]
    n = len(work.rows)
    found = set()
    for record in given:
        if isinstance(record, (int, np.integer)) and str(record) not in work.rows:
            if not 0 <= record < n:
                raise ProjectError(f"no record {record}: neither an id nor a row number from 0 to {n - 1:,}")
            found.add(int(record))
        else:
            name = work.known(record)
            if name not in work.rows:
                raise ProjectError(f"record {name!r} is no record of the corpus, so no rule can be made of it")
            found.add(int(work.rows[name]))
    return np.array(sorted(found), dtype=np.int64)


def looked_at(y: NDArray[np.int64], selected: NDArray[np.int64] | None) -> NDArray[np.int64]:
    n = len(y)
    if n <= LOOKED_AT:
        return np.arange(n)
    spread = np.linspace(0, n - 1, LOOKED_AT).astype(np.int64)
    more = np.empty(0, dtype=np.int64) if selected is None else selected
    return np.unique(np.concatenate([spread, np.flatnonzero(y != ABSTAIN), more]))


# ---- acceptance


def accept_rule(work: Workspace, /, rule: Rule, name: str | None = None) -> Heuristic:
    """Write a proposed rule into a file of labeling functions of its own, load it, and return it as a member.

    The file is written completely or not at all, and no file is ever overwritten. Where the name is taken, a number is
    added to it. :meth:`undo_rule` takes it back.

    Parameters
    ----------
    rule : one of :meth:`propose_rules`
    name : of the heuristic and of its file, by default that of the rule

    Raises
    ------
    ProjectError
        The folder cannot be written, the project runs no code, or the file does not load; then it is not kept.
    """
    from weaklab.rules.rule import python_name, source_of

    must_run_code(work)
    work.refresh()
    work.label_names.code(rule.label)
    folder = _folder(work)
    if name is not None and python_name(name) != name:
        raise ProjectError(f"{name!r} cannot be the name of a rule; wanted a Python name such as {python_name(name)!r}")
    wanted, number = name or python_name(rule.name), 1
    while True:
        free = wanted if number == 1 else f"{wanted}_{number}"
        path, text = folder / f"{free}.py", source_of(rule, free)
        if free not in work.committee and written(path, text):
            break
        number += 1
    work.reload()
    if free in work.committee:
        remember(work, free, rule.says, path, None, text)
        return work.committee[free]
    said = next((error for error in work.members.load_errors if str(path) in error), "it was not loaded")
    path.unlink(missing_ok=True)
    work.reload()
    raise ProjectError(f"{path} is not kept: {said}")


def must_run_code(work: Workspace) -> None:
    """Raise a ProjectError where the project may not be written, or its files would not be loaded."""
    work.journal.must_be_writable()
    if not work.run_code:
        raise ProjectError(
            f"{work.path} was opened without running code, so a file of labeling functions would not be loaded; open "
            "it with run_code=True"
        )


def new_file_of(work: Workspace, name: str) -> Path:
    """Return the file in which a new heuristic of this name is written."""
    return _folder(work) / f"{name}.py"


def _folder(work: Workspace) -> Path:
    """Return the folder of labeling functions that rules are written to."""
    for place in work.settings.labeling_functions:
        path = (work.path / place).resolve()
        if path.is_dir() or (not path.exists() and path.suffix != ".py"):
            return path
    raise ProjectError(
        f"{work.path} has no folder of labeling functions; add one to labeling_functions in weaklab.toml, such as "
        '"labeling_functions"'
    )


def written(path: Path, text: str) -> bool:
    """Write a new file, completely or not at all; return False where there is one of this name."""
    with write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.parent / f".{path.name}.{uuid.uuid4().hex[:8]}"
        try:
            with open(temporary, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            _put_in_place(temporary, path)
        except FileExistsError:
            return False
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)
    return True


def _put_in_place(temporary: Path, path: Path) -> None:
    """Give a file its name; unlike a rename, this never takes the place of another file."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # the file system has no hard links
        if path.exists():
            raise FileExistsError(path) from None
        os.rename(temporary, path)
