"""The committee: votes of all heuristics on all records as a label matrix; each column is computed once and kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from weaklab.classifiers import WeakClassifier
from weaklab.core.errors import FaultWarning, HeuristicError, UnknownNameError, did_you_mean, warn
from weaklab.core.faults import merge_faults
from weaklab.core.label_set import LabelHistory, LabelSet
from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.core.progress import ProgressBar
from weaklab.core.tables import Table, counted, has_controls
from weaklab.core.votes import Votes
from weaklab.corpus import Corpus
from weaklab.corpus.records import Columns, Roles
from weaklab.exchange import read
from weaklab.heuristics import Ballot, Heuristic, as_heuristic, check_examples, labeling_function, load
from weaklab.heuristics.look_cache import one_look
from weaklab.voting.fault_kinds import joined_fault_kinds
from weaklab.voting.kept_columns import ColumnCache, KeptColumns, MemoryCache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from weaklab.voting.runner import VoteRunner

TIMEOUT_SECONDS = 10.0
"""How long a labeling function may take for one record before its process is stopped."""


class Committee:
    """Labeling functions and weak classifiers that vote together.

    Parameters
    ----------
    labels : sequence of label names
    timeout : seconds a function may take for a record before it is stopped, with a fault; None runs everything in this
        process, where nothing can be stopped
    workers : child processes for labeling functions, by default one a core
    compile : whether labeling functions whose source can be read are compiled; their votes are the same

    Examples
    --------
    >>> import weaklab
    >>> committee = Committee(["ham", "spam"], timeout=None)
    >>> _ = committee.add(weaklab.keywords("spam", ["prize", "winner"]))
    >>> @committee.labeling_function()
    ... def short(x):
    ...     return "ham" if len(x.text) < 15 else None
    >>> committee.vote(["You are a winner", "Lunch?"], progress=False).L.tolist()
    [[1, -1], [-1, 0]]
    """

    def __init__(
        self,
        labels: Sequence[str] | LabelSet,
        *,
        timeout: float | None = TIMEOUT_SECONDS,
        workers: int | None = None,
        compile: bool = True,
    ) -> None:
        self.label_set = labels if isinstance(labels, LabelSet) else LabelSet.of(labels)
        self.labels = labels if isinstance(labels, LabelNames) else self.label_set.voted
        self._first_labels = tuple(self.labels)
        self.timeout = timeout
        self.workers = workers
        self.compile = compile
        self._members: dict[str, Heuristic] = {}
        self._caches: dict[str, MemoryCache] = {}
        self._in_process: set[str] = set()
        self._costs: dict[str, tuple[float, int]] = {}

    def take_labels(self, history: LabelHistory) -> None:
        """Take over the labels of a project, now and when they have changed; no heuristic votes anew for that."""
        self.label_set, self.labels, self._first_labels = history.now, history.now.voted, history.first

    # ---- members

    @property
    def heuristics(self) -> list[Heuristic]:
        """The members, in the order of the columns of ``L``."""
        return list(self._members.values())

    @property
    def names(self) -> list[str]:
        """The names of the members, in column order."""
        return list(self._members)

    @property
    def classifiers(self) -> list[WeakClassifier]:
        """The members that learn."""
        return [h for h in self._members.values() if isinstance(h, WeakClassifier)]

    def add(self, heuristic: Any) -> Heuristic:
        """Register a heuristic, a Snorkel labeling function or a plain function; the same name replaces the old one.

        A text is the name of a heuristic that an installed package offers.

        Raises
        ------
        HeuristicError
            It is no heuristic, it fails one of its examples, or another file has one of this name.
        UnknownLabelError
            It votes a label that the committee does not know.
        """
        member = as_heuristic(heuristic)
        self.check(member)
        self._members[member.name] = member
        return member

    def check(self, member: Heuristic) -> None:
        """Raise what :meth:`add` would raise for this heuristic."""
        if member.name == "<lambda>":
            raise HeuristicError(
                "a lambda has no name to list it by; give it one: labeling_function(name='...')(lambda x: ...)"
            )
        if has_controls(member.name):
            raise HeuristicError(
                f"a heuristic's name must be readable text, got {member.name!r}, which holds a control character"
            )
        if hasattr(member, "label"):
            self.labels.code(member.label)
        check_examples(member, self.labels)
        old = self._members.get(member.name)
        files = [_file(h.location) for h in (old, member) if h is not None and h.keeps]
        if len(files) == 2 and all(files) and files[0] != files[1]:
            raise HeuristicError(
                f"{member.location}: {member.name!r} is the name of another heuristic ({old.location if old else ''}); "
                "rename one of them"
            )

    def remove(self, name: str) -> Heuristic:
        """Take a heuristic out; the columns of the others are kept."""
        return self._members.pop(self[name].name)

    def put_back(self, member: Heuristic) -> None:
        """Put a member in the place of the one with its name, without the checks of :meth:`add`."""
        self._members[self[member.name].name] = member

    def __getitem__(self, name: str) -> Heuristic:
        if name not in self._members:
            raise UnknownNameError(
                f"no heuristic named {name!r};{did_you_mean(name, self._members)} available: "
                f"{', '.join(self._members) or 'none yet'}"
            )
        return self._members[name]

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def __len__(self) -> int:
        return len(self._members)

    def labeling_function(self, function: Callable[[Any], Any] | None = None, /, **options: Any) -> Any:
        """Make a labeling function and register it; takes what :func:`weaklab.labeling_function` takes."""

        def register(f: Callable[[Any], Any]) -> Heuristic:
            return self.add(labeling_function(**options)(f))

        return register if function is None else register(function)

    def load(self, path: str | Path) -> list[Heuristic]:
        """Register the labeling functions of a file or folder; a file that fails is a warning, the others go on."""
        loaded = load(path)
        added = []
        for heuristic in loaded.heuristics:
            try:
                added.append(self.add(heuristic))
            except (HeuristicError, ValueError) as error:
                loaded.errors.append(str(error))
        for message in loaded.errors:
            warn(message)
        return added

    # ---- votes

    def vote(self, corpus: Any, *, cache: ColumnCache | None = None, progress: bool = True) -> Votes:
        """Let every member vote on every record; a column that is known from before is not computed again.

        Parameters
        ----------
        corpus : :class:`~weaklab.corpus.Corpus` or anything that :func:`weaklab.read` reads
        cache : where columns are kept, by default this committee's memory
        progress : whether to show a progress bar

        Returns
        -------
        Votes
            With ``L`` int8 (n, m), ``scores`` of the weak classifiers that have trained and ``confidence`` of functions
            that return it; with a warning for every kind of fault.
        """
        corpus = read(corpus)
        if cache is None:
            cache = self._caches.setdefault(corpus.fingerprint, MemoryCache())
        held = cache
        columns, fresh = self.columns(corpus, lambda _: held, progress)
        learned = [h for h in self.classifiers if h.name not in columns]
        if learned:
            columns.update((h.name, ballot) for h, ballot in self._compute(learned, corpus, progress))
        ballots = [columns[h.name] for h in self.heuristics]
        for fault in (fault for name in fresh for fault in columns[name].faults):
            warn(str(fault), FaultWarning)
        return assemble(self.heuristics, ballots, self.labels, len(ballots[0].votes) if ballots else len(corpus))

    def columns(
        self, corpus: Corpus, cache: Callable[[Heuristic], ColumnCache], progress: bool = True, fresh: bool = False
    ) -> tuple[dict[str, Ballot], list[str]]:
        """Return the column of every member that does not learn, and the names of those that had to be computed.

        ``cache`` gives where the columns of a heuristic are kept. With ``fresh`` all that can be computed is.
        """
        fixed = [h for h in self.heuristics if not isinstance(h, WeakClassifier)]
        kept = {h.name: KeptColumns(cache(h), self.labels, self.label_set, self._first_labels) for h in fixed}
        with one_look():
            keys = {h.name: kept[h.name].key(h) for h in fixed}
            usable = [h for h in fixed if not ((fresh or h.unseen) and h.keeps)]
        known = {h.name: ballot for h in usable if (ballot := kept[h.name].get(keys[h.name])) is not None}
        missing = [h for h in fixed if h.name not in known]
        computed = list(self._compute(missing, corpus, progress, self.label_set.slot_names))
        with one_look():
            after = {h.name: kept[h.name].key(h) for h, _ in computed if h.keeps}
        for heuristic, ballot in computed:
            name = heuristic.name
            known[name] = ballot
            # A function may itself change what it captures, such as a memo: that is no edit.
            for known_as in dict.fromkeys((keys[name], after[name])) if heuristic.keeps else ():
                kept[name].put(known_as, ballot)
        return {name: kept[name].with_codes_of_today(ballot) for name, ballot in known.items()}, [
            h.name for h in missing
        ]

    def fingerprints(self) -> dict[str, str]:
        """Return name -> fingerprint of the members that do not learn, as of now."""
        with one_look():
            return {name: h.fingerprint for name, h in self._members.items() if not isinstance(h, WeakClassifier)}

    def votes_anew(self) -> bool:
        """Whether a member uses what cannot be compared by its content, so that its votes are not used again."""
        with one_look():
            return any(h.unseen for h in self.heuristics)

    def _compute(
        self, heuristics: Sequence[Heuristic], corpus: Corpus, progress: bool, labels: LabelNames | None = None
    ) -> Iterator[tuple[Heuristic, Ballot]]:
        """Vote with these heuristics and yield each with its whole column."""
        if not heuristics:
            return
        runner = self._runner(heuristics, labels, corpus.known_rows)
        with_ids = not corpus.makes_ids or runner.reads_ids(corpus.roles.id)
        parts: dict[str, list[Ballot]] = {h.name: [] for h in heuristics}
        with ProgressBar(progress, len(corpus) if progress else None, "voting", "records") as bar:
            for batch, ballots in runner.run(corpus.batches(runner.batch_rows, ids=with_ids)):
                for heuristic, ballot in zip(heuristics, ballots, strict=True):
                    parts[heuristic.name].append(ballot)
                bar.update(batch.num_rows)
        again = [heuristic for heuristic in heuristics if heuristic.name in runner.distrusted]
        for heuristic in again:  # all of its votes are those of Python then, earlier ones as well
            parts[heuristic.name] = [
                ballots[0] for _, ballots in self._runner([heuristic], labels).run(corpus.batches(ids=with_ids))
            ]
        self._costs.update(runner.costs())
        for heuristic in heuristics:
            whole = join(parts[heuristic.name])
            yield heuristic, whole if with_ids or not whole.faults else _with_ids(whole, corpus)

    def _runner(
        self, heuristics: Sequence[Heuristic], labels: LabelNames | None = None, records: int | None = None
    ) -> VoteRunner:
        from weaklab.voting.runner import VoteRunner

        names = labels or self.labels
        return VoteRunner(
            heuristics,
            names,
            timeout=self.timeout,
            workers=self.workers,
            warned=self._in_process,
            compiled=self.compile,
            records=records,
        )

    def explain_plan(self, sample: Any = None) -> Table:
        r"""Show how each member comes to its votes, and what it cost the last time it voted.

        Parameters
        ----------
        sample : records to vote on first, so that there are costs of all members; optional

        Returns
        -------
        Table
            A row a member: how it runs, why, CPU microseconds a record (work that is done for several members at once
            in equal parts), and the number of records that this was measured on.

        Examples
        --------
        >>> import weaklab
        >>> committee = Committee(["ham", "spam"])
        >>> _ = committee.add(weaklab.keywords("spam", ["prize"], name="prizes"))
        >>> _ = committee.add(weaklab.pattern("spam", r"free \d+", name="free"))
        >>> print(committee.explain_plan())
        how 2 heuristics vote
        heuristic  how                            why                                             µs a record  records
        prizes     words in one pass              single words, looked up for all lists together
        free       regex on rows with 'free 0-9'  every match holds one of these
        """
        runner = self._runner(self.heuristics)
        costs = dict(self._costs)
        if sample is not None:
            for _ in runner.run(read(sample).batches()):
                pass
            costs = {member.name: (member.seconds, member.records) for member in runner.explain()}
        rows = []
        for member in runner.explain():
            seconds, records = costs.get(member.name, (0.0, 0))
            rows.append(
                [
                    member.name,
                    member.how,
                    member.why,
                    round(1e6 * seconds / records, 2) if records else None,
                    records or None,
                ]
            )
        title = f"how {counted(len(rows), 'heuristic')} {'votes' if len(rows) == 1 else 'vote'}"
        return Table(title, ["heuristic", "how", "why", "µs a record", "records"], rows)

    def vote_batch(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the ids of a batch and one int8 column a heuristic: all that an engine has to run."""
        import pyarrow as pa

        name = Roles.of(batch.schema).id
        columns = [pa.array(ballot.votes, pa.int8()) for ballot in self._runner(self.heuristics).vote(batch)]
        return pa.record_batch([batch.column(name), *columns], names=columns_of_votes(name, self.names))

    def fit_classifiers(self, corpus: Any, y: Any) -> Committee:
        """Train the weak classifiers: ``y`` int (n,) codes of the manual labels, -1 is unlabeled; return self."""
        corpus = read(corpus)
        for classifier in self.classifiers:
            classifier.fit(corpus, y, self.labels)
        return self

    # ---- trying out

    def try_on(self, sample: Any, names: str | Sequence[str] | None = None) -> Table:
        """Show what heuristics vote on a few records, at once and in this process, errors included.

        Parameters
        ----------
        sample : corpus, list of texts, DataFrame, ...
        names : name or names of the heuristics to try, by default all
        """
        return try_on(
            [self[n] for n in ([names] if isinstance(names, str) else names or self.names)], sample, self.labels
        )

    def __repr__(self) -> str:
        return f"Committee(labels={list(self.labels)}, heuristics={self.names})"


def try_on(heuristics: Sequence[Heuristic], sample: Any, labels: LabelNames, show: int = 50) -> Table:
    """Return a table of a sample's records and the vote, or the error, of each heuristic on each of them.

    Of a sample larger than ``show``, half of the records shown have votes, where there are such.
    """
    import numpy as np

    batches = list(read(sample).batches())
    ballots = [join([h.evaluate(batch, labels) for batch in batches]) for h in heuristics]
    n = len(ballots[0].votes) if ballots else 0
    voted = np.zeros(n, dtype=bool)
    for ballot in ballots:
        voted |= ballot.votes != ABSTAIN
    few = min(int(voted.sum()), max(show // 2, show - int((~voted).sum())))
    chosen = sorted([*np.flatnonzero(voted)[:few].tolist(), *np.flatnonzero(~voted)[: show - few].tolist()])
    texts = [text for batch in batches for text in _texts_of(batch)]
    rows = [[texts[row], *(_shown_vote(ballot, row, labels) for ballot in ballots)] for row in chosen]
    title = f"{heuristics[0].name}: " if len(heuristics) == 1 else ""
    faults = [str(fault) for ballot in ballots for fault in ballot.faults]
    return Table(
        f"{title}votes on {int(voted.sum()):,} of {counted(n, 'record')}",
        ["record", *(h.name for h in heuristics)],
        rows,
        faults,
    )


def _texts_of(batch: pa.RecordBatch) -> list[str]:
    columns = Columns(batch)
    if columns.roles.text:
        return list(columns.text)
    return [str({name: columns[name][row] for name in columns.names}) for row in range(len(columns))]


def _shown_vote(ballot: Ballot, row: int, labels: LabelNames) -> str:
    name = labels.name(int(ballot.votes[row])) or ""
    if name and ballot.confidence is not None and ballot.confidence[row] < 1:
        return f"{name} {ballot.confidence[row]:.2f}"
    if name and ballot.scores is not None:
        return f"{name} {ballot.scores[row].max():.2f}"
    return name


def columns_of_votes(id: str, names: Sequence[str]) -> list[str]:
    """Return the columns of :meth:`Committee.vote_batch`, or raise where a heuristic is called as the column of ids
    is.
    """
    if id in names:
        raise HeuristicError(f"a heuristic is called {id!r}, as the column of ids is; rename one of them")
    return [id, *names]


def assemble(heuristics: Sequence[Heuristic], ballots: Sequence[Ballot], labels: LabelNames, n: int) -> Votes:
    """Return the votes of a committee from one ballot a heuristic on n records."""
    import numpy as np

    L = np.column_stack([ballot.votes for ballot in ballots]) if ballots else np.empty((n, 0), dtype=np.int8)
    return Votes(
        np.ascontiguousarray(L, dtype=np.int8),
        {j: b.scores for j, b in enumerate(ballots) if b.scores is not None},
        {j: b.confidence for j, b in enumerate(ballots) if b.confidence is not None},
        names=[h.name for h in heuristics],
        labels=labels,
        faults=[fault for b in ballots for fault in b.faults],
        calibrated=tuple(
            j for j, (h, b) in enumerate(zip(heuristics, ballots, strict=True)) if h.calibrated and b.scores is not None
        ),
    )


def join(parts: Sequence[Ballot]) -> Ballot:
    """Return the ballot of one heuristic on all records from its ballots on successive batches."""
    import numpy as np

    if not parts:
        return Ballot.blank(0)
    whole = Ballot(np.concatenate([p.votes for p in parts]), faults=merge_faults(f for p in parts for f in p.faults))
    if any(p.confidence is not None for p in parts):
        whole.confidence = np.concatenate(
            [np.ones(len(p.votes), np.float32) if p.confidence is None else p.confidence for p in parts]
        )
    if parts[0].scores is not None:
        whole.scores = np.concatenate([p.scores for p in parts if p.scores is not None])
    whole.fault_kinds = joined_fault_kinds(parts, whole.faults)
    return whole


def soft_scores(votes: Votes) -> dict[int, NDArray[np.floating[Any]]]:
    """Return column -> float32 (n, k) for every member that gives scores or confidences, uniform where it abstains."""
    import numpy as np

    k = len(votes.labels)
    found = dict(votes.scores)
    for j, confidence in votes.confidence.items():
        column = votes.L[:, j]
        rows = np.flatnonzero(column != ABSTAIN)
        scores = np.full((len(votes), k), 1 / k, dtype=np.float32)
        sure = np.maximum(confidence[rows], 1 / k)
        scores[rows] = ((1 - sure) / (k - 1))[:, None]
        scores[rows, column[rows]] = sure
        found[j] = scores
    return found


def _file(location: str) -> str:
    file = location.rpartition(":")[0]
    return file if file.endswith(".py") else ""


def _with_ids(ballot: Ballot, corpus: Corpus) -> Ballot:
    """Replace the row numbers in faults by the ids of the records."""
    ids = corpus.ids
    faults = [
        replace(fault, records=tuple(str(ids[int(row)].as_py()) for row in fault.records)) for fault in ballot.faults
    ]
    return replace(ballot, faults=faults)
