"""Where the committee of a project disagrees, and what a person should do next."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from weaklab.core.errors import WeaklabError, is_whole
from weaklab.core.faults import broken_heuristics
from weaklab.core.labels import ABSTAIN
from weaklab.core.tables import counted
from weaklab.evaluation import steps
from weaklab.evaluation.audit import enough
from weaklab.evaluation.steps import (
    LABEL_SECONDS,
    LEAST_GAIN,
    RULE_SECONDS,
    Disagreement,
    Disagreements,
    NextSteps,
    Step,
    ranked,
)
from weaklab.project.quality import given_answers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from weaklab.core.faults import Fault
    from weaklab.evaluation.audit import Estimate
    from weaklab.evaluation.disagreement import Group, Opinions
    from weaklab.project.workspace import Workspace
    from weaklab.rules import Repair, Rule

LABELS = 12
"""A step asks for at most so many labels: two minutes."""
EXAMPLES = 5
CLUSTERED = 5_000
"""Clusters are made of at most this many records, spread evenly."""
MOST_MADE_RULES = 10
"""The number of ``weaklab rules``, so that it proposes the same ones."""
MOST_REPAIRED, MOST_REPAIRS = 4, 3
"""Repairs are sought for the heuristics that most labels contradict, which takes about a second each; and so many for
each of them."""
CAUTION = 0.25
"""The gain of a rule counts this share of the way to the lower end of its interval."""
REPAIRED, UNSURE = 0.2, 0.02
"""Repairs bring this share of the gain that is estimated: committees have outvoted most functions that are wrong. Those
whose interval is not above zero, or that take all votes out, cost as often as they help."""
HELD = 0.2
"""A rule fits a cluster if it holds for this share of it."""
WRITTEN_PRECISION, WRITTEN_SHARE = 0.8, 0.5
"""A labeling function that a person writes for a cluster is expected to be right on this share of its votes, and to
vote on this share of the cluster."""
LEAST_OF_CLASS, WANTED_OF_CLASS = 10, 20
"""With fewer random answers for each label, more are asked for: so many that equally frequent labels have ten each."""
OF_A_KIND, ALIKE_KINDS = 2, frozenset({steps.RULE, steps.WRITE})
"""At most so many steps of one kind are among the next ones, and one rule: the next rule often does the same work."""


def disagreements(work: Workspace, /, most: int = 20) -> Disagreements:
    """Return every record on which the committee disagrees or is unsure with one reason, in groups, and for each group
    the step that helps most.

    The reasons, of which a record has the first that holds: ``annotators differ`` and nobody settled it; ``nobody
    votes`` and the label is not sure; ``outvoted expert``: a member that is known to be right more often than all that
    vote for the label votes against it; ``LF against LF``; ``LF against classifier``, or
    ``LF against instance features`` where only that of the label model votes; ``classifiers differ``; ``near tie`` of
    the two best labels. Records with a manual label have no reason, except where people differ.

    Groups are of the members that differ, and of similar texts where nobody votes. A step is to label some of the
    records, to settle them, to accept a repair or a rule, to retire a labeling function, or to write one. The order is
    by expected gain for a minute of a person's time: 10 s a label, 60 s a rule or repair.

    Parameters
    ----------
    most : number of groups

    Raises
    ------
    WeaklabError
        ``most`` is no whole number from 1.

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["ham", "spam"], timeout=None, use_features=False)
    >>> texts = [f"free prize {i}" if i % 2 else f"are you free at {i}" for i in range(40)]
    >>> _ = project.add_records(texts, quiet=True)
    >>> _ = project.add(weaklab.keywords("spam", ["free"], name="free"))
    >>> _ = project.add(weaklab.keywords("ham", ["are you"], name="asks"))
    >>> found = project.disagreements()
    >>> found.counts
    {'LF against LF': 20}
    >>> found[0].members, found[0].step.kind
    (('free', 'asks'), 'label')
    """
    _check(most)
    if not _has_records(work):
        return Disagreements([], {})
    return _Advice(work).disagreements(most)


def next_steps(work: Workspace, /, most: int = 5) -> NextSteps:
    """Return what a person should do next: the steps with the largest expected gain for a minute of their time.

    The first are to fix heuristics that have faults on a fifth of the records or more. The others are those of
    :meth:`disagreements`, the best proposed rules, and labels of the records that the scheduler
    picks; at most two are of one kind, and one is a rule. ``weaklab next`` prints them. Before the first answer the
    first step is to give some. Where there are fewer than ten random answers for each label, the last one is to give
    more, which shows how good the labels are.

    All gains are shares of right labels. That of labels follows a typical learning curve where the scheduler picks;
    where the records have one reason it is the expected value of sample information, at least half of that curve, see
    :mod:`weaklab.evaluation.gains`. That of a rule is the one of :meth:`propose_rules` and a quarter of the way to the
    lower end of its interval. That of a repair is a fifth of the middle between both, as measured; a fiftieth where its
    interval is not above zero or the function is retired. All rest on the committee's probabilities, so they are
    estimates to choose by, no promises.

    Parameters
    ----------
    most : number of steps

    Raises
    ------
    WeaklabError
        ``most`` is no whole number from 1.

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["ham", "spam"], timeout=None)
    >>> project.next_steps().steps[0].says
    'Import records'
    """
    _check(most)
    name, labels = work.path.name or str(work.path), work.refresh().n_labels
    if not _has_records(work):
        first = Step("import", "Import records", 0.0, 60.0, "The project holds none.", _command(work, "import", "FILE"))
        return NextSteps(name, 0, labels, len(work.committee), 0.0, [first])
    advice = _Advice(work)
    found = advice.disagreements(10**9)
    every = ranked([*advice.scheduled(), *(each.step for each in found), *map(advice.accept, advice.rules)])
    chosen: list[Step] = []
    if not advice.given:  # what would help is not known before the first answers
        opening = [*advice.scheduled(), *(step for step in every if step.kind != steps.LABEL)]
        every = [replace(step, gain=0.0) for step in opening]
    for step in every:
        if step.kind in (steps.REPAIR, steps.RETIRE) and step.gain < LEAST_GAIN:
            continue
        allowed = 1 if step.kind in ALIKE_KINDS else OF_A_KIND
        if sum(step.kind == other.kind for other in chosen) < allowed and len(chosen) < most:
            chosen.append(step)
    audit = advice.audit() if most > 1 else []
    fixes = advice.fix()[: max(1, most - len(audit) - 1)]
    chosen = [*fixes, *chosen[: max(0, most - len(audit) - len(fixes))], *audit]
    counts = len(work.rows), labels, len(work.committee)
    return NextSteps(name, *counts, advice.expected_error, chosen, found, advice.accuracy())


def _check(most: int) -> None:
    if not is_whole(most) or most < 1:
        raise WeaklabError(f"most must be a whole number from 1, got {most!r}")


def _has_records(work: Workspace) -> bool:
    with work.working:
        work.refresh()
        return work.has_records and len(work.rows) > 0


def _command(work: Workspace, name: str, *more: str) -> str:
    return f"weaklab {name} {shlex.quote(str(work.path))} {' '.join(more)}".rstrip()


def _named(ids: Sequence[str]) -> list[str]:
    """Return the options of ``weaklab label`` that name these records."""
    together = [name for name in ids if "," not in name]
    values = [",".join(together)] * bool(together) + [name for name in ids if "," in name]
    return [
        f"--records={shlex.quote(value)}" if value.startswith("-") else f"--records {shlex.quote(value)}"
        for value in values
    ]


def _some(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return at most so many rows, spread evenly."""
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


class _Advice:
    """What is known of a project at one moment, and the steps that follow from it."""

    def __init__(self, work: Workspace) -> None:
        from weaklab.project.repairs import propose_repairs
        from weaklab.project.rules import propose_rules

        work.finish_encoding()
        self.work = work
        self.said = opinions_now(work)
        self.n_random = int(given_answers(work).at_random.sum())
        self.doubt = np.where(self.said.open, 1 - self.said.P.max(axis=1), 0.0)
        self.expected_error, self.given = float(self.doubt.mean()), int((~self.said.open).sum())
        # where no label speaks for a change, a label is the better step
        self.rules = [rule for rule in propose_rules(work, most=MOST_MADE_RULES) if _sure(rule) > 0 and rule.judged]
        found = [repair for name in self._contradicted() for repair in propose_repairs(work, name, MOST_REPAIRS)]
        self.repairs = [each for each in found if _cautious(each) > 0 and each.wrong]

    def _contradicted(self) -> list[str]:
        """Return the labeling functions that most manual labels contradict."""
        said, y = self.said, self.work.snapshot.y
        labeled = np.flatnonzero(y != ABSTAIN)
        votes = said.L[labeled]
        wrong = ((votes != ABSTAIN) & (votes != y[labeled, None])).sum(axis=0)
        order = np.argsort(-wrong, kind="stable").tolist()
        return [said.names[j] for j in order if wrong[j] and not said.learns[j]][:MOST_REPAIRED]

    def disagreements(self, most: int) -> Disagreements:
        from weaklab.evaluation.disagreement import NOBODY, groups

        counts: dict[str, int] = {}
        found: list[Disagreement] = []
        for group in groups(self.said):
            counts[group.reason] = counts.get(group.reason, 0) + len(group.rows)
            found += self._clustered(group) if group.reason == NOBODY else [self._grouped(group)]
        found.sort(key=lambda each: -each.step.per_minute)
        return Disagreements(found[:most], counts)

    def _grouped(self, group: Group) -> Disagreement:
        from weaklab.evaluation.disagreement import ANNOTATORS

        if group.reason == ANNOTATORS:
            people = _people(self.work, self._ids(group.rows))
            step = self._settle(group.rows)
            return self._made(group.reason, group.rows, len(group.rows) / 2, people, step)
        helping = [self._label(group.rows, group.reason), *map(self._repair, self._repairs_of(group.members))]
        return self._made(group.reason, group.rows, None, group.members, ranked(helping)[0])

    def _made(
        self,
        reason: str,
        rows: NDArray[np.int64],
        errors: float | None,
        members: tuple[str, ...],
        step: Step,
        words: tuple[str, ...] = (),
        records: int | None = None,
    ) -> Disagreement:
        committee = self.work.committee
        where = tuple(committee[name].where if name in committee else "" for name in members)
        wrong = float(self.doubt[rows].sum()) if errors is None else errors
        examples = self._ids(self._unsure(rows, EXAMPLES))
        return Disagreement(reason, records or len(rows), wrong, members, where, words, examples, step)

    # ---- records

    def _ids(self, rows: NDArray[np.int64]) -> tuple[str, ...]:
        return tuple(str(name) for name in self.work.corpus.ids.take(rows).to_pylist())

    def _unsure(self, rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
        """Return the most uncertain rows."""
        return rows[np.argsort(-self.doubt[rows], kind="stable")[:most]]

    # ---- steps

    def scheduled(self) -> list[Step]:
        """Return the step to label what the scheduler picks; none where every record has a label."""
        from weaklab.evaluation.gains import gain_of_labels

        n = min(LABELS, int(self.said.open.sum()))
        if not n:
            return []
        gain = gain_of_labels(self.expected_error, self.given, n)
        why = "The scheduler picks the records that help most." if self.given else "There is no label yet."
        says, command = f"Label {counted(n, 'record')}", _command(self.work, "label", f"-n {n}")
        return [Step(steps.LABEL, says, gain, n * LABEL_SECONDS, why, command)]

    def accuracy(self) -> Estimate | None:
        """Return the measured accuracy of the labels as exported; None where too few random answers tell."""
        from weaklab.project.label_quality import label_quality

        if not enough(self.n_random, 0.0 if self.said.open.any() else float("inf")):
            return None
        found = label_quality(self.work).accuracy
        return found if found.known else None

    def fix(self) -> list[Step]:
        """Return the steps to fix heuristics that have faults on many records, before all others."""
        return [
            self._fix(name, found)
            for name, found in broken_heuristics(self.work.state().votes.faults, len(self.work.rows)).items()
        ]

    def _fix(self, name: str, found: list[Fault]) -> Step:
        first, count = found[0], sum(fault.count for fault in found)
        where = f" ({first.location})" if first.location else ""
        message = f"{first.exception}: {first.message}" if first.message else first.exception
        why = f"It fails on {counted(count, 'record')}: {message}."
        says, command = f"Fix {name}{where}", _command(self.work, "lfs")
        return Step(steps.FIX, says, 0.0, RULE_SECONDS, why, command, first.records[:EXAMPLES], first.location)

    def audit(self) -> list[Step]:
        """Return the step to label random records, where those that are there say too little of each label."""
        k, n_open = len(self.work.label_names), int(self.said.open.sum())
        n = min(WANTED_OF_CLASS * k - self.n_random, n_open)
        if not self.given or not n_open or self.n_random >= LEAST_OF_CLASS * k:
            return []
        why = f"{counted(self.n_random, 'random answer')} cannot show how good each of {k} labels is."
        command = _command(self.work, "label", f"--strategy random -n {n}")
        says = f"Label {counted(n, 'record')} drawn at random"
        return [Step(steps.AUDIT, says, 0.0, n * LABEL_SECONDS, why, command)]

    def _label(self, rows: NDArray[np.int64], reason: str) -> Step:
        """Return the step to label records spread evenly over a group, so that they speak for it."""
        from weaklab.evaluation.gains import TAUGHT, gain_of_group, gain_of_labels

        chosen = _some(rows, LABELS)
        group = gain_of_group(self.said.P[rows], len(chosen)) / len(self.said.P)
        taught = TAUGHT * gain_of_labels(self.expected_error, self.given, len(chosen))
        gain = max(group, taught)
        what = f"Label {len(chosen)} of {counted(len(rows), 'record')} with the reason '{reason}'"
        why = "They say which side is right."
        ids = self._ids(chosen)
        command = _command(self.work, "label", *_named(ids))
        return Step(steps.LABEL, what, gain, len(chosen) * LABEL_SECONDS, why, command, ids)

    def _settle(self, rows: NDArray[np.int64]) -> Step:
        ids = self._ids(rows[:LABELS])
        gain = len(ids) / 2 / len(self.said.P)
        says = f"Settle {counted(len(ids), 'record')} that people labeled differently"
        why = "One of two different labels is wrong."
        return Step(
            steps.SETTLE, says, gain, len(ids) * LABEL_SECONDS, why, _command(self.work, "settle", "ID LABEL"), ids
        )

    def _repairs_of(self, members: tuple[str, ...]) -> list[Repair]:
        return [repair for repair in self.repairs if repair.heuristic in members]

    def _repair(self, repair: Repair) -> Step:
        where = f"{repair.file}:{repair.line}" if repair.file else ""
        name = f"{repair.heuristic} ({where})" if where else repair.heuristic
        kind = steps.RETIRE if repair.kind == "retire" else steps.REPAIR
        says = f"Retire {name}" if kind == steps.RETIRE else f"Repair {name}: {repair.says}"
        basis = f"{repair.wrong} of {repair.judged} {repair.basis} contradict"
        why = f"{basis} the {counted(repair.flips, 'vote')} that change."
        command = _command(self.work, "repairs", shlex.quote(repair.heuristic))
        return Step(kind, says, _cautious(repair), RULE_SECONDS, why, command, repair.examples, where)

    def accept(self, rule: Rule) -> Step:
        """Return the step to accept a proposed rule."""
        basis = f"{rule.right} of {rule.judged} {rule.basis} agree"
        why = f"Votes on {counted(rule.records, 'record')}, precision {rule.precision:.2f}; {basis}."
        command = _command(self.work, "rules", "--accept", rule.name)
        return Step(steps.RULE, f"Add a rule: {rule.says}", _sure(rule), RULE_SECONDS, why, command, rule.examples)

    # ---- where nobody votes

    def _clustered(self, group: Group) -> list[Disagreement]:
        """Return one entry a cluster of records on which nobody votes."""
        from weaklab.evaluation.clusters import clusters
        from weaklab.scheduling.asks import texts_of

        part = _some(group.rows, CLUSTERED)
        scale = len(group.rows) / len(part)
        has_text = bool(self.work.corpus.roles.text)
        made = clusters(texts_of(self.work.corpus, part), self.work.settings.seed) if has_text else []
        found = []
        for mine, words in made or [(np.arange(len(part)), ())]:
            rows, count = part[mine], round(len(mine) * scale)
            options = [self._label_nobody(rows, count), self._write(rows, count, words), *self._fitting(rows)]
            errors = float(self.doubt[rows].sum()) * scale
            found.append(self._made(group.reason, rows, errors, (), ranked(options)[0], words, count))
        return found

    def _label_nobody(self, rows: NDArray[np.int64], count: int) -> Step:
        step = self._label(rows, "nobody votes")
        scaled = step.gain * count / len(rows)
        says = f"Label {len(step.records)} of {counted(count, 'record')} with the reason 'nobody votes'"
        return Step(step.kind, says, scaled, step.seconds, "They teach the classifiers.", step.command, step.records)

    def _write(self, rows: NDArray[np.int64], count: int, words: tuple[str, ...]) -> Step:
        better = max(WRITTEN_PRECISION - float(self.said.P[rows].max(axis=1).mean()), 0.0)
        gain = better * WRITTEN_SHARE * count / len(self.said.P)
        about = f" with words such as {', '.join(words)}" if words else self._condition()
        says = f"Write a labeling function for {counted(count, 'record')}{about}"
        return Step(
            steps.WRITE, says, gain, RULE_SECONDS, "Nobody votes on them.", "", self._ids(self._unsure(rows, EXAMPLES))
        )

    def _condition(self) -> str:
        """Return an example of a condition, where records have no text and a column of numbers."""
        import pyarrow.types as types

        roles, fields = self.work.corpus.roles, self.work.corpus.take(np.zeros(1, dtype=np.int64)).schema
        numbers = [f.name for f in fields if types.is_integer(f.type) or types.is_floating(f.type)]
        names = [name for name in numbers if name not in (roles.id, roles.gold)]
        if roles.text or not names:
            return ""
        return f", such as where({self.work.label_names[0]!r}, col({names[0]!r}) > NUMBER)"

    def _fitting(self, rows: NDArray[np.int64]) -> list[Step]:
        """Return the steps to accept the rules that hold for a part of a cluster."""
        found = []
        batches = self.work.corpus.take(rows).combine_chunks().to_batches()
        for rule in self.rules:
            votes = [rule.heuristic.evaluate(batch, self.work.label_names).votes for batch in batches]
            if float((np.concatenate(votes) != ABSTAIN).mean()) >= HELD:
                found.append(self.accept(rule))
        return found


def opinions_now(work: Workspace) -> Opinions:
    """Return what the committee says of each record, and on which people differ."""
    from weaklab.evaluation.disagreement import opinions_of
    from weaklab.project.quality import disputes, known_labels

    with work.working:
        state = work.state()
        named = state.model.built_in_classifier
        own = None if state.feature_proba is None or not named else (named, state.feature_proba)
        found = disputes(work)
        open_ids = [name for name in found["record"][found["settled_by"].isna()] if name in work.rows]
        disputed = np.zeros(len(work.rows), dtype=bool)
        disputed[[work.rows[name] for name in open_ids]] = True
        return opinions_of(state.votes, state.P, known_labels(work), own=own, disputed=disputed)


def _cautious(repair: Repair) -> float:
    """Return what a repair is expected to bring: a share of the middle between its gain and the lower end of the
    interval.
    """
    share = REPAIRED if repair.gain_low > 0 and repair.kind != "retire" else UNSURE
    return share * (repair.gain + repair.gain_low) / 2


def _sure(rule: Rule) -> float:
    """Return what a rule is expected to bring, cautiously, as it was chosen among many."""
    return rule.gain - CAUTION * (rule.gain - rule.gain_low)


def _people(work: Workspace, ids: tuple[str, ...]) -> tuple[str, ...]:
    """Return who labeled these records."""
    opinions = work.snapshot.opinions
    return tuple(sorted({name for record in ids for name in opinions.get(record, {})}))
