"""Which records of a project a person is asked about: in batches, from a stream, or made near the decision boundary."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.errors import ProjectError, WeaklabError
from weaklab.core.events import LABEL, REQUEUE, SKIP
from weaklab.core.tables import clean
from weaklab.project.extra_records import STREAM, SYNTHETIC, as_batch, as_corpus, as_row, synthesized
from weaklab.project.journal import Lease
from weaklab.scheduling.asks import Ask, Asks, make_asks
from weaklab.scheduling.scheduler import RANDOM, Pick, Scheduler, share_group
from weaklab.strategies import margin
from weaklab.voting.committee import soft_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weaklab.project.at_hand import AtHand
    from weaklab.project.cache import ProjectCache
    from weaklab.project.snapshot import Snapshot
    from weaklab.project.workspace import Workspace
    from weaklab.scheduling.stream import StreamSampler

AGAIN = "asked again"
"""What a record is picked by whose answer was taken back in a later session than that of the answer."""
LEASE_SECONDS = 900.0
"""A record that one session was shown is not shown to another for so long."""
NAMED = "named"
"""What a record is picked by that a person named."""


def scheduler(work: Workspace, /) -> Scheduler:
    """Return what picks the records to ask about, as the settings say."""
    return _scheduler(work, work.settings.strategy, work.settings.cold_start)


def _scheduler(work: Workspace, strategy: Any, cold_start: str) -> Scheduler:
    settings = work.settings
    return Scheduler(strategy, random_share=settings.random_share, cold_start=cold_start or None, seed=settings.seed)


def ask(
    work: Workspace,
    /,
    n: int = 10,
    *,
    records: Iterable[Any] | None = None,
    again: bool = False,
    strategy: Any = None,
    lease: bool = True,
    besides: Collection[str] = (),
    session: str | None = None,
    through: int | None = None,
) -> Asks:
    """Return the n records that a person should label next, or those that are named.

    Labeled and skipped records are left out, near-duplicates of labeled ones, and those that another session was
    shown a short while ago.

    Parameters
    ----------
    n : how many are picked
    records : records or ids to ask about, in this order, instead of n that are picked
    again : whether records that have a label may come, too
    strategy : name, function or mapping of name to weight, by default that of the settings; one that is given here
        is used from the first question on, without a cold start
    lease : keep other sessions from being shown the same records for a while
    besides : ids of records that are being asked about already
    session : id of the session that asks, by default the project's own
    through : id of the last event to know of, by default the newest; so what is picked does not depend on when this
        runs

    Raises
    ------
    ProjectError
        There is no such record in the corpus.
    """
    named = None if records is None else named_records(work, records)
    with work.working:
        return _ask(
            work,
            n if named is None else len(named),
            named,
            again,
            strategy,
            lease,
            besides,
            session or work.session_id,
            through,
        )


def _ask(
    work: Workspace,
    n: int,
    named: Sequence[str] | None,
    again: bool,
    strategy: Any,
    leased: bool,
    besides: Collection[str],
    session: str,
    through: int | None,
) -> Asks:
    while True:
        hand = trained(work)
        work.rows.prepare()  # else the first answer would wait for it
        known = work.snapshot if through is None else work.snapshot.at(through, work.journal)
        asks = ask_of(
            work, hand, known, n, named=named, again=again, strategy=strategy, besides=besides, session=session
        )
        if not leased or not asks:
            return asks
        mine = lease(work, asks, known.event, session=session)
        if mine:
            return mine


def trained(work: Workspace, /) -> AtHand:
    """Return the committee's opinion as of the last training; trains if there was none."""
    with work.working:
        work.opinion.now()
        assert work.at_hand is not None
        return work.at_hand


def ask_of(
    work: Workspace,
    hand: AtHand,
    known: Snapshot,
    n: int,
    *,
    named: Sequence[str] | None = None,
    again: bool,
    strategy: Any,
    besides: Collection[str],
    session: str,
) -> Asks:
    """Pick the n records to label next, without a wait, from what is known of them and as of a training.

    The parameters are those of :func:`ask`; ``named`` are ids, of which the first n are taken that may be asked.
    """
    free = eligible(work, hand.cache, known, again, besides, session)
    if named is None:
        picker = scheduler(work) if strategy is None else _scheduler(work, strategy, cold_start="")
        picks = picker.pick(hand.cache.pool(hand.state, known.y), n, free, turn=known.event)
    else:
        rows = [known.rows[name] for name in named if name in known.rows]
        picks = [Pick(row, NAMED, 0.0, 1.0) for row in rows if free[row]][:n]
    return make_asks(
        picks,
        hand.cache.corpus,
        hand.state.votes,
        hand.state.P,
        asked_after=known.event,
        blind_share=work.settings.blind_share,
        seed=work.settings.seed,
    )


def named_records(work: Workspace, /, records: Iterable[Any]) -> list[str]:
    """Return the ids of records that a person names, each once.

    Raises
    ------
    ProjectError
        One of them is no record of the corpus.
    """
    given = [records] if isinstance(records, str) else list(records)
    ids = list(dict.fromkeys(work.known(record) for record in given))
    outside = [name for name in ids if name not in work.rows]
    if outside:
        raise ProjectError(f"record {outside[0]!r} is no record of the corpus, so it cannot be asked about by its id")
    return ids


def ask_about(work: Workspace, /, record: str, why: str) -> Ask | None:
    """Return a question about one record, for the reason that is given; None if it is not in the corpus.

    Waits for no training, but for the first one.
    """
    hand = work.at_hand
    known = None if hand is None else hand.newest(work)
    if hand is None or known is None:
        with work.working:
            hand, known = trained(work), work.snapshot
    if record not in known.rows:
        return None
    pick, state = Pick(known.rows[record], AGAIN, 0.0, 1.0), hand.state
    [found] = make_asks([pick], hand.cache.corpus, state.votes, state.P, asked_after=known.event)
    return replace(found, why=f"{why}; {found.why}")


def lease(work: Workspace, /, asks: Asks, after: int, *, session: str | None = None) -> Asks:
    """Keep other sessions from being shown these records for a while; return those that none has been shown or has
    answered.

    Parameters
    ----------
    asks : from :meth:`ask` with ``lease=False``
    after : id of the event after which an answer of somebody counts
    session : id of the session that shows them, by default the project's own
    """
    rows = [Lease(ask.id, ask.strategy, ask.score, ask.probability) for ask in asks]
    free = work.journal.lease(rows, session or work.session_id, LEASE_SECONDS, after)
    return Asks(a for a in asks if a.id in free)


def stream(
    work: Workspace,
    /,
    records: Iterable[Any],
    *,
    budget: float = 0.1,
    strategy: Any = "margin",
    sampler: StreamSampler | None = None,
) -> Iterator[Ask]:
    """Take records one by one from anywhere and yield those that a person should label: stream-based selective
    sampling.

    What is asked about is kept beside the corpus when it is yielded, and weak classifiers learn from its label; all
    else passes. Labeling functions run in this process here, where one that hangs cannot be stopped.

    Parameters
    ----------
    records : texts, dicts or records, as many as you like
    budget : share of the stream, or number of questions in all
    strategy : a query strategy that looks at one record at a time
    sampler : a :class:`weaklab.StreamSampler` with settings of its own, or one from an earlier stream

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["ham", "spam"])
    >>> _ = project.add_records(["win a prize", "lunch at noon"], quiet=True)
    >>> _ = project.add(weaklab.keywords("spam", ["prize"]))
    >>> for ask in project.stream(["a prize for you", "what now?", "lunch?", "a prize?"], budget=0.5):
    ...     _ = project.label(ask, "ham")
    >>> 0 < project.status()["labels_outside"] <= 2
    True
    """
    from weaklab.scheduling.stream import StreamSampler

    if isinstance(records, str):
        raise WeaklabError(
            f"a stream is a row of records, got one text, {clean(records, 60)!r}; wanted [text] or any iterator"
        )
    if hasattr(records, "to_dict"):
        records = records.to_dict("records")
    sampler = sampler or StreamSampler(
        budget, strategy, random_share=work.settings.random_share, seed=work.settings.seed
    )
    work.state()
    closed = {name for name in work.snapshot.extra_closed(LABEL, SKIP) if name in work.extra}
    for record in records:
        name, columns = as_row(record, work.corpus)
        state = work.state()
        if name in work.rows or name in closed:
            continue
        closed.add(name)
        batch = as_batch([{**columns, work.corpus.roles.id: name}], work.corpus)
        votes, P = work.cache.trained(state).judge(batch)
        decision = sampler.decide(P[0], votes.L[0], {j: s[0] for j, s in soft_scores(votes).items()}, name)
        if decision.ask:
            work.extra.add(STREAM, batch)
            chance = decision.audit_probability if decision.audit else decision.probability
            pick = Pick(0, RANDOM if decision.audit else sampler.name, decision.score, chance)
            share, seed = work.settings.blind_share, work.settings.seed
            yield make_asks([pick], as_corpus(batch), votes, P, blind_share=share, seed=seed)[0]


def synthesize(work: Workspace, /, n: int = 10) -> Asks:
    """Make records near the committee's decision boundary for a person to label: membership query synthesis.

    A splice of two real texts, or a point between two records in their numeric columns. They are marked
    ``synthetic``, weak classifiers learn from their labels, and neither the corpus nor an export ever shows them.

    Raises
    ------
    WeaklabError
        The committee puts all records into one class, or there is neither one text column nor a numeric one.
    """
    state = work.state()

    trained, seed = work.cache.trained(state), work.settings.seed + work.snapshot.event
    made = synthesized(work.corpus, lambda batch: trained.judge(batch)[1], state.P, work.cache.views.keys, n, seed)
    made = [(name, columns, origin) for name, columns, origin in made if name not in work.extra]
    if not made:
        return Asks()
    batch = as_batch([{**columns, work.corpus.roles.id: name} for name, columns, _ in made], work.corpus)
    votes, P = trained.judge(batch)
    picks = [Pick(i, "synthesis", float(score), 1.0) for i, score in enumerate(margin(P))]
    asks = make_asks(picks, as_corpus(batch), votes, P)
    work.extra.add(SYNTHETIC, batch)
    return Asks(
        replace(ask, synthetic=True, why=f"made of {origin}; {ask.why}")
        for ask, (_, _, origin) in zip(asks, made, strict=True)
    )


def eligible(
    work: Workspace,
    /,
    cache: ProjectCache,
    known: Snapshot,
    again: bool,
    besides: Collection[str],
    session: str,
) -> NDArray[np.bool_]:
    """Return bool (n,), True for the records that may be asked now, ``besides`` and their near-duplicates left out.

    ``cache`` belongs to the records of the snapshot.
    """
    groups, rows = cache.groups, known.rows
    free = np.ones(len(known.y), dtype=bool)
    if not again:
        free[work.shared(known, cache) >= 0] = False
        free[known.closed(REQUEUE)] = True
    free[known.closed(*((SKIP,) if again else (LABEL, SKIP)))] = False
    taken = [*work.journal.leased_by_others(session, LEASE_SECONDS), *besides]
    elsewhere = np.array([rows[record] for record in taken if record in rows], dtype=np.int64)
    free[elsewhere] = False
    if groups is not None and len(mates := elsewhere[share_group(groups)[elsewhere]]):
        free[np.isin(groups, groups[mates])] = False
    return free
