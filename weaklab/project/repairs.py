"""Repairs that a project proposes for its labeling functions, and writes into their files on acceptance."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.errors import HeuristicError, ProjectError, WeaklabError, did_you_mean
from weaklab.core.labels import ABSTAIN
from weaklab.evaluation.steps import LEAST_GAIN
from weaklab.project.rule_changes import put_text, remember
from weaklab.project.rules import evidence, looked_at, must_run_code, new_file_of, written

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weaklab.heuristics import Heuristic
    from weaklab.project.workspace import Workspace
    from weaklab.rules import Evidence
    from weaklab.rules.repair import Repair, Repairs

MOST_EACH = 4
"""Repairs of one heuristic, where all are looked at."""
MOST_MEMBERS = 8
"""Where no heuristic is named, those are looked at whose votes seem wrong most often; each takes a second or more."""
DOUBT = 0.85
"""A heuristic that no label contradicts is looked at if the committee expects less of its votes to be right."""


def propose_repairs(work: Workspace, /, name: str | None = None, most: int = 10) -> Repairs:
    """Return changes of labeling functions that are wrong on some records: exceptions ("not where the text has X"),
    a narrower condition, another label, words to take out, or to retire it.

    Each has the number of votes that change, the precision before and after with 95 % intervals, and what it would
    bring to the committee as it is, see :class:`weaklab.rules.Repair`. ``repair.diff`` is what :meth:`accept_repair`
    writes.

    Parameters
    ----------
    name : of one heuristic, by default those that manual labels contradict or the committee doubts, the eight with most
        wrong votes by its estimate; then repairs that would bring about nothing are left out
    most : number of repairs

    Raises
    ------
    WeaklabError
        There is no such heuristic, it is a weak classifier, or ``most`` is below 1.

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["ham", "spam"], timeout=None)
    >>> texts = [f"free prize {i}" if i % 2 else f"are you free at {i}" for i in range(40)]
    >>> _ = project.add_records([{"id": i, "text": text} for i, text in enumerate(texts)], quiet=True)
    >>> for i in range(16):
    ...     _ = project.label(str(i), "spam" if i % 2 else "ham")
    >>> _ = project.add(weaklab.keywords("spam", ["free"], name="free"))
    >>> repair = project.propose_repairs("free")[0]
    >>> repair.flips, repair.wrong, repair.judged
    (20, 8, 8)
    """
    from weaklab.rules.mining import sample_of
    from weaklab.rules.repair import Repairs
    from weaklab.rules.repairing import repairs_of

    if most < 1:
        raise WeaklabError(f"most is {most}; wanted the number of repairs, at least 1")
    work.finish_encoding()
    known = evidence(work)
    members = [_member(work, name)] if name is not None else _doubtful(work, known)
    rows = looked_at(known.y, None)
    table = work.corpus.take(rows)
    part = sample_of(known, rows)
    found: list[Repair] = []
    for member in members:
        n = len(known.y) if len(rows) < len(known.y) else None
        each = repairs_of(
            table, work.label_names, part, member, most=most if name is not None else MOST_EACH, records=n
        )
        found += [_placed(work, member, repair, _is_single(known, member)) for repair in each]
    if name is None:
        found = [repair for repair in found if repair.gain >= LEAST_GAIN]
    found.sort(key=lambda repair: -(repair.gain + repair.gain_low))
    return Repairs(found[:most])


def _member(work: Workspace, name: str) -> Heuristic:
    if name not in work.committee:
        hint = did_you_mean(name, work.committee.names)
        raise WeaklabError(f"no heuristic named {name!r};{hint} there are {', '.join(work.committee.names) or 'none'}")
    member = work.committee[name]
    if hasattr(member, "fit"):
        raise WeaklabError(f"{name!r} is a weak classifier, which is not repaired; it learns from more labels")
    return member


def _doubtful(work: Workspace, known: Evidence) -> list[Heuristic]:
    """Return the members that a label contradicts or the committee doubts, with most wrong votes by its estimate."""
    found: list[tuple[float, Heuristic]] = []
    for j in known.votes.without_scores.tolist():
        column = known.votes.L[:, j]
        rows = np.flatnonzero(column != ABSTAIN)
        given = known.y[rows]
        wrong = bool(((given != ABSTAIN) & (given != column[rows])).any())
        doubt = 1 - known.P[rows, column[rows]]
        if len(rows) and (wrong or doubt.mean() > 1 - DOUBT):
            found.append((float(doubt.sum()), work.committee[known.votes.names[j]]))
    found.sort(key=lambda each: -each[0])
    return [member for _, member in found[:MOST_MEMBERS]]


def _is_single(known: Evidence, member: Heuristic) -> bool:
    """Whether a heuristic votes for one label alone."""
    column = known.votes.L[:, known.votes.names.index(member.name)]
    if getattr(member, "label", None) is not None and not hasattr(member, "inner"):
        return True
    found: NDArray[np.int8] = np.unique(column[column != ABSTAIN])
    return len(found) == 1


def _placed(work: Workspace, member: Heuristic, repair: Repair, single: bool) -> Repair:
    """Return a repair with the place of its heuristic and what it writes; without where it cannot be written."""
    from weaklab.rules.source_edit import as_diff

    place, line = _place(work, member)
    file = _short(work, Path(place).resolve()) if place else ""
    try:
        path, before, after = _edit(work, member, repair, single)
    except (HeuristicError, ProjectError):
        return replace(repair, file=file, line=line)
    return replace(repair, file=file, line=line, diff=as_diff(before or "", after, _short(work, path)))


def _short(work: Workspace, path: Path) -> str:
    inside = path.is_relative_to(work.path.resolve())
    return str(path.relative_to(work.path.resolve())) if inside else str(path)


def _place(work: Workspace, member: Heuristic) -> tuple[str, int]:
    """Return the file of the project in which a heuristic stands, and the line; "" and 0 for none."""
    file, _, line = member.location.rpartition(":")
    if work.members.is_in_file(member.name) and file.endswith(".py") and line.isdigit():
        return file, int(line)
    return "", 0


def _edit(work: Workspace, member: Heuristic, repair: Repair, single: bool) -> tuple[Path, str | None, str]:
    """Return the file that accepting a repair writes, its text now, and its text after it; None for a new file.

    Raises
    ------
    HeuristicError, ProjectError
        It cannot be written.
    """
    from weaklab.rules.source_edit import edited

    file, line = _place(work, member)
    note = _note(repair)
    if file:
        path = Path(file).resolve()
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ProjectError(f"{path}: cannot be read: {error}") from None
        return path, content.decode("utf-8"), edited(content, file, member, line, repair.change, single, note)
    return _new_file(work, member, repair, single, note)


def _new_file(
    work: Workspace, member: Heuristic, repair: Repair, single: bool, note: str
) -> tuple[Path, str | None, str]:
    """Return the file of a heuristic that was registered in a session and can be written as Python."""
    from weaklab.rules.repair import RETIRE
    from weaklab.rules.repairing import changed_heuristic
    from weaklab.rules.rule import file_of, python_name

    if python_name(member.name) != member.name:
        raise ProjectError(
            f"{member.name!r} stands in no file of the project and is no Python name; write it in a file"
        )
    if repair.kind == RETIRE:
        raise ProjectError(f"{member.name!r} stands in no file of the project; take it out with remove()")
    changed = changed_heuristic(member, repair.change, single)
    return new_file_of(work, member.name), None, f"# {note}\n{file_of(changed, member.name)}"


def _note(repair: Repair) -> str:
    label = "no label" if not repair.judged else f"{repair.wrong} of {repair.judged} {repair.basis} wrong"
    precision = (
        "" if repair.after != repair.after else f"; precision {repair.before:.2f} to {repair.after:.2f} by estimate"
    )
    return f"Repair: {repair.says} ({repair.flips:,} votes, {label}{precision})."


def accept_repair(work: Workspace, /, repair: Repair) -> Heuristic | None:
    """Write a proposed repair into the file of its labeling function, load it, and return the member as it is now.

    A declaration becomes an argument of ``amend()``, a function gets it as a decorator, and what is retired is
    commented out. A declared heuristic that was registered in a session is written into a file of its own. The file is
    written completely or not at all; if it does not load, or an example of the heuristic no longer holds, it is put
    back. :meth:`undo_rule` takes the repair back.

    Parameters
    ----------
    repair : one of :meth:`propose_repairs`

    Returns
    -------
    The member; None where it was retired.

    Raises
    ------
    ProjectError
        The heuristic has changed since, stands in no file, cannot be written, or does not load any more.
    """
    from weaklab.rules.source_edit import as_diff

    must_run_code(work)
    with work.working:
        work.refresh()
        if work.members.files_changed():
            work.reload()
        member = _member(work, repair.heuristic)
        if member.fingerprint != repair.fingerprint:
            raise ProjectError(f"{repair.heuristic!r} has changed since the repair was proposed; propose repairs again")
        known = evidence(work)
        try:
            path, before, after = _edit(work, member, repair, _is_single(known, member))
        except HeuristicError as error:
            raise ProjectError(str(error)) from None
        if repair.diff and repair.diff != as_diff(before or "", after, _short(work, path)):
            raise ProjectError(
                f"{path} has changed since the repair of {repair.heuristic!r} was proposed, and something else would "
                "be written than its diff says; propose repairs again"
            )
        return _accepted(work, member, repair, path, before, after)


def _accepted(
    work: Workspace, member: Heuristic, repair: Repair, path: Path, before: str | None, after: str
) -> Heuristic | None:
    from weaklab.rules.repair import RETIRE

    row: list[Any] | None = None
    errors = set(work.members.load_errors)
    if before is None:
        row = next(list(each) for each in work.journal.members() if each.name == member.name)
        if not written(path, after):
            raise ProjectError(f"{path} is there already; nothing was written")
        work.members.remove(member.name)
    else:
        put_text(path, after)
    work.reload()
    new = [error for error in work.members.load_errors if error not in errors]
    there = repair.heuristic in work.committee
    if new or there == (repair.kind == RETIRE):
        _put_back(work, path, before, row)
        said = new[0] if new else "it defines the heuristic in a way that cannot be edited"
        raise ProjectError(f"{path} is left as it was: {said}")
    remember(work, repair.heuristic, repair.says, path, before, after, row)
    return work.committee[repair.heuristic] if there else None


def _put_back(work: Workspace, path: Path, before: str | None, row: list[Any] | None) -> None:
    from weaklab.project.journal import MemberRow

    if before is None:
        path.unlink(missing_ok=True)
    else:
        put_text(path, before)
    if row is not None:
        work.journal.put_member(MemberRow(*row))
    work.reload()
