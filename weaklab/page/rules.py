"""Rules and repairs as the page shows them: proposed, looked at with the records they are about, accepted, undone."""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.labels import ABSTAIN
from weaklab.corpus.records import id_texts
from weaklab.heuristics import Heuristic
from weaklab.page.table import as_row
from weaklab.page.tabs import RefusedError
from weaklab.rules import Repair, Rule

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weaklab.page.table import PageTable
    from weaklab.project.project import Project

MOST_PROPOSED, KEPT = 12, 300
MOST_WORD = 100
"""Characters of a selected word or phrase."""
MOST_RECORDS = 20_000
"""Rules are made of at most so many selected records."""
SHOWN = 40
"""Records that are shown with a rule."""
CHANGES = 50
"""So many acceptances are listed."""


class PageRules:
    """Proposes rules and repairs for the page, and remembers them until one is accepted.

    Parameters
    ----------
    project : the project
    table : finds the records that filters leave
    """

    def __init__(self, project: Project, table: PageTable) -> None:
        self._project, self._table = project, table
        self._lock = threading.Lock()
        self._held: OrderedDict[str, Rule | Repair] = OrderedDict()

    def calls(self) -> list[tuple[str, Callable[[Mapping[str, Any]], Any]]]:
        """Return path and function of each call; all of them are for those who may label."""
        return [
            ("rules/propose", self.propose),
            ("rules/repairs", self.propose_repairs),
            ("rules/records", self.records),
            ("rules/accept", self.accept),
            ("rules/undo", self.undo),
            ("rules/accepted", self.accepted),
        ]

    def propose(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return rules for ``records`` (ids), ``filters`` of the table, ``word`` or ``label``; each may be missing."""
        word, label = _text(given, "word", MOST_WORD), _text(given, "label")
        work = self._project.workspace
        with work.working:
            found = self._project.propose_rules(self._chosen(given), label, MOST_PROPOSED, word=word)
        return {"proposed": [self._keep(rule) for rule in found], "labels": sum(work.snapshot.y != ABSTAIN).item()}

    def propose_repairs(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return repairs of one ``heuristic``, or of all that seem wrong."""
        work = self._project.workspace
        with work.working:
            found = self._project.propose_repairs(_text(given, "heuristic"), MOST_PROPOSED)
        return {"proposed": [self._keep(repair) for repair in found]}

    def records(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return records on which a rule would vote, or a vote changes: those first that speak against it.

        ``total`` is their number, and ``against`` how many have another label by a person or the committee.
        """
        proposed, work = self._proposed(given), self._project.workspace
        with work.working:
            state = work.state()
            votes = self._votes(proposed, state.votes)
            y = work.snapshot.y
            label = np.where(y != ABSTAIN, y, state.P.argmax(axis=1))
            rows = np.flatnonzero(votes[0])
            against = votes[1][rows] != label[rows]
            order = np.lexsort((rows, ~(against & (y[rows] != ABSTAIN)), ~against))[:SHOWN]
            ids = id_texts(self._project.corpus.ids.take(rows[order]))
        found = {row["id"]: as_row(row) for row in self._project.records.among(ids, "a rule")[: len(ids)]}
        return {
            "total": len(rows),
            "against": int(against.sum()),
            "rows": [found[name] for name in ids if name in found],
        }

    def accept(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Write what was proposed and train; return the heuristic, its place and how many labels flipped."""
        proposed, work = self._proposed(given), self._project.workspace
        with work.working:
            before = work.state().P.argmax(axis=1)
            member: Heuristic | None
            if isinstance(proposed, Rule):
                member = self._project.accept_rule(proposed)
            else:
                member = self._project.accept_repair(proposed)
            with self._lock:
                self._held.pop(str(given.get("id")), None)
            return {
                "name": member.name if member else proposed.heuristic,
                "where": member.location if member else "",
                "flipped": self._flipped(before),
                **self.accepted({}),
            }

    def undo(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Take back an acceptance, by its ``id``, or the last one."""
        work = self._project.workspace
        with work.working:
            before = work.state().P.argmax(axis=1)
            said = self._project.undo_rule(_text(given, "id"))
            return {"undone": said, "flipped": self._flipped(before), **self.accepted({})}

    def accepted(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the rules and repairs that were accepted, the last one first."""
        held = self._project.accepted_rules()[:CHANGES]
        return {"accepted": [{"id": one.id, "name": one.name, "says": one.says, "file": one.file, "at": one.at,
                              "new": one.before is None} for one in held]}  # fmt: skip

    # ---- parts

    def _chosen(self, given: Mapping[str, Any]) -> Sequence[str] | None:
        records, filters = given.get("records"), given.get("filters")
        if isinstance(filters, dict):
            records = self._table.ids(filters)[:MOST_RECORDS]
        if records is None:
            return None
        if not isinstance(records, list) or not 1 <= len(records) <= MOST_RECORDS:
            raise RefusedError(f"a rule is made of 1 to {MOST_RECORDS:,} records")
        return [str(record) for record in records]

    def _keep(self, proposed: Rule | Repair) -> dict[str, Any]:
        name = uuid.uuid4().hex[:12]
        with self._lock:
            self._held[name] = proposed
            while len(self._held) > KEPT:
                self._held.popitem(last=False)
        return {**proposed.to_dict(), "id": name}

    def _proposed(self, given: Mapping[str, Any]) -> Rule | Repair:
        with self._lock:
            found = self._held.get(str(given.get("id")))
        if found is None:
            raise RefusedError("this proposal is not known any more; ask for proposals again")
        return found

    def _votes(self, proposed: Rule | Repair, votes: Any) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Return where a rule votes, or a repair changes a vote, bool (n,), and what is voted there then, int (n,).

        What no longer votes stands for the label that it voted before: records that have this label speak against it.
        """
        names = self._project.workspace.label_names
        if isinstance(proposed, Rule):
            found = self._evaluated(proposed.heuristic)
            return found != ABSTAIN, found.astype(np.int64)
        before = votes.L[:, votes.names.index(proposed.heuristic)]
        change = proposed.change
        if change.words or change.kind == "whole words":
            from weaklab.rules.repairing import changed_heuristic

            after = self._evaluated(changed_heuristic(self._project.committee[proposed.heuristic], change))
        else:
            held = np.ones(len(before), dtype=bool)
            after = change.votes(before, held if change.condition is None else self._holds(change.condition), names)
        flips = before != after
        y = np.where(after != ABSTAIN, after, _other_than(before, self._project, flips))
        return flips, y.astype(np.int64)

    def _holds(self, condition: Heuristic) -> NDArray[np.bool_]:
        return np.asarray(self._evaluated(condition) != ABSTAIN)

    def _evaluated(self, heuristic: Heuristic) -> NDArray[np.int8]:
        names = self._project.workspace.label_names
        found = [heuristic.evaluate(batch, names).votes for batch in self._project.corpus.batches()]
        return np.concatenate(found) if found else np.empty(0, dtype=np.int8)

    def _flipped(self, before: NDArray[np.int64]) -> int:
        """Return how many labels of the committee are others than before; trains first."""
        after = self._project.workspace.state().P.argmax(axis=1)
        return int((before != after).sum()) if len(before) == len(after) else 0


def _other_than(before: NDArray[np.int8], project: Project, flips: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the labels of records as they are, or -2 where they are what the heuristic voted: these speak against."""
    state, y = project.workspace.state(), project.workspace.snapshot.y
    label = np.where(y != ABSTAIN, y, state.P.argmax(axis=1))
    return np.where(flips & (label == before), ABSTAIN - 1, label)


def _text(given: Mapping[str, Any], name: str, most: int = 1000) -> str | None:
    """Return a text that was sent, None where there is none."""
    value = given.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > most:
        raise RefusedError(f"{name} must be a text of at most {most:,} characters")
    return value
