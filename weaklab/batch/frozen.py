"""A trained committee that no longer changes: it labels batches of records, in this process or in any other."""

from __future__ import annotations

import copy
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.batch.batch_rows import BatchRows
from weaklab.batch.given_records import prepared, record_batches, roles_of
from weaklab.batch.identity import features_hash, member_hash
from weaklab.classifiers import WeakClassifier
from weaklab.core.errors import WeaklabError
from weaklab.core.faults import Fault, merge_faults
from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.core.rows import one_thread
from weaklab.corpus.records import Columns, Roles
from weaklab.heuristics import Ballot, fingerprint
from weaklab.heuristics.ballot import faults_of
from weaklab.training.applying import TrainedCommittee
from weaklab.voting.committee import columns_of_votes
from weaklab.voting.runner import VoteRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from weaklab.features import Features
    from weaklab.features.embeddings import Embedding
    from weaklab.heuristics import Heuristic
    from weaklab.heuristics.ballot import FaultRow
    from weaklab.label_models import LabelModel
    from weaklab.training.trainer import State
    from weaklab.voting.committee import Committee

BY_FEATURES = "instance features"
"""The heuristic named in a fault when the features that the label model looks at could not be computed."""


@dataclass(frozen=True)
class Embedder:
    """Computes the embeddings that a label model looks at, for records that it was not fitted on.

    Attributes
    ----------
    features : fitted to the corpus that the committee was trained on
    embedding : fitted to these features
    """

    features: Features
    embedding: Embedding


class FrozenCommittee:
    """Heuristics and a fitted label model, as they were when they were frozen.

    Made by :meth:`weaklab.Project.freeze` or :meth:`of`; ``cloudpickle`` can send it to other processes. Every record
    is judged by itself, so the result does not depend on batch boundaries, with one exception: a function that hangs or
    crashes is not called again after the third time in one call.

    Parameters
    ----------
    heuristics : the members, in the order of the columns; weak classifiers are trained
    labels : label names
    label_model : fitted to the votes of these members
    embedder : computes the embeddings that the label model looks at; None where it looks at votes alone
    scored : columns with class probabilities when the label model was fitted
    manual : record id -> label name, of records that a person labeled
    roles : which columns hold ids and text, for batches whose schema does not say
    timeout, workers, compile : as of :class:`weaklab.Committee`

    Examples
    --------
    >>> import weaklab
    >>> committee = weaklab.Committee(["ham", "spam"], timeout=None)
    >>> _ = committee.add(weaklab.keywords("spam", ["prize"]))
    >>> frozen = FrozenCommittee.of(committee)
    >>> batch = next(weaklab.read(["win a prize", "lunch"]).batches())
    >>> frozen.label_batch(batch)["label"].to_pylist()
    ['spam', None]
    """

    def __init__(
        self,
        heuristics: Sequence[Heuristic],
        labels: LabelNames,
        label_model: LabelModel,
        *,
        embedder: Embedder | None = None,
        scored: Iterable[int] = (),
        manual: Mapping[str, str] | None = None,
        roles: Roles | None = None,
        timeout: float | None = None,
        workers: int | None = None,
        compile: bool = True,
    ) -> None:
        # in one copy, so that members which share their features still do
        learned, self.label_model, self.embedder = copy.deepcopy(
            ([_bare(h) for h in heuristics if isinstance(h, WeakClassifier)], _without_training(label_model), embedder)
        )
        classifiers = {h.name: h for h in learned}
        self.heuristics: list[Heuristic] = [classifiers.get(h.name, h) for h in heuristics]
        self.labels, self.scored, self.manual, self.roles = labels, tuple(sorted(scored)), dict(manual or {}), roles
        self.timeout, self.workers, self.compile = timeout, workers, compile
        self._fingerprint: str | None = None
        self._parts: dict[str, str] | None = None

    @classmethod
    def of(cls, committee: Committee, label_model: LabelModel | None = None) -> FrozenCommittee:
        """Freeze a committee without a project; see also :func:`weaklab.batch.fit`, which fits the label model.

        Parameters
        ----------
        committee : its weak classifiers are trained with :meth:`~weaklab.Committee.fit_classifiers`, or abstain
        label_model : fitted to the votes of this committee; by default the majority vote

        Raises
        ------
        WeaklabError
            The label model was fitted to another number of heuristics or labels.
        """
        from weaklab.label_models import label_model as make

        k, m = len(committee.labels), len(committee)
        if label_model is None:
            label_model = make("majority_vote").set_params(n_classes=k).fit(np.empty((0, m), dtype=np.int8))
        fitted = getattr(label_model, "n_features_in_", None), getattr(label_model, "n_classes_", None)
        if fitted != (m, k):
            raise WeaklabError(
                f"the label model was fitted to {fitted[0]} heuristics and {fitted[1]} labels, the committee has {m} "
                f"and {k}; "
                "fit it to the votes of this committee, with n_classes set"
            )
        scored = [j for j, h in enumerate(committee.heuristics) if isinstance(h, WeakClassifier) and h.is_ready]
        return cls(
            committee.heuristics,
            committee.labels,
            label_model,
            scored=scored,
            timeout=committee.timeout,
            workers=committee.workers,
            compile=committee.compile,
        )

    @classmethod
    def of_state(
        cls, committee: Committee, state: State, manual: Mapping[str, str], roles: Roles, embedder: Embedder | None
    ) -> FrozenCommittee:
        """Freeze the committee and label model of one training of a project."""
        return cls(
            committee.heuristics,
            committee.labels,
            state.model,
            embedder=embedder,
            scored=state.votes.scores,
            manual=manual,
            roles=roles,
            timeout=committee.timeout,
            workers=committee.workers,
            compile=committee.compile,
        )

    @property
    def names(self) -> list[str]:
        """The names of the members, in column order."""
        return [h.name for h in self.heuristics]

    # ---- identity

    @property
    def parts(self) -> dict[str, str]:
        """Name -> hash of everything that determines the output: each member, ``label model``, ``labels``,
        ``manual labels`` and ``timeout``.
        """
        if self._parts is None:
            self._parts = {f"heuristic {h.name}": member_hash(h) for h in self.heuristics}
            model = [type(self.label_model).__qualname__, vars(self.label_model), self.scored]
            embedder = self.embedder and [features_hash(self.embedder.features), vars(self.embedder.embedding)]
            self._parts["label model"] = fingerprint.of_value([model, embedder])
            self._parts["labels"] = fingerprint.digest(*self.labels)
            self._parts["manual labels"] = fingerprint.of_value(sorted(self.manual.items()))
            self._parts["timeout"] = str(self.timeout)
        return self._parts

    @property
    def fingerprint(self) -> str:
        """A hash of everything that determines the output, the version of weaklab included."""
        if self._fingerprint is None:
            from weaklab import __version__

            self._fingerprint = fingerprint.digest(
                "frozen", __version__, *self.names, *(f"{k}={v}" for k, v in self.parts.items())
            )
        return self._fingerprint

    def __getstate__(self) -> dict[str, Any]:
        _ = self.fingerprint  # in another process the source of a function may not be found
        return {name: value for name, value in vars(self).items() if name != "_runner"}

    def __repr__(self) -> str:
        return (
            f"FrozenCommittee(labels={list(self.labels)}, heuristics={self.names}, "
            f"label_model={type(self.label_model).__name__})"
        )

    # ---- what an engine runs

    def vote_batch(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the ids of a batch and one int8 column a heuristic, codes of the labels, -1 abstains."""
        import pyarrow as pa

        batch, ballots = next(self.ballots([batch]))
        columns = [pa.array(ballot.votes, pa.int8()) for ballot in ballots]
        name = Roles.of(batch.schema).id
        return pa.record_batch([batch.column(name), *columns], names=columns_of_votes(name, self.names))

    def label_batch(self, batch: pa.RecordBatch, votes: bool = False) -> pa.RecordBatch:
        """Return the labels of a batch, a row a record in the same order; columns as :meth:`schema` says.

        ``label`` is null where the two most probable classes are tied. A record whose id a person labeled has that
        label with probability 1, and ``manual`` is true. ``faults`` holds ``heuristic: exception: message`` for every
        heuristic that failed on the record and so abstained; null where none did.

        Parameters
        ----------
        batch : with columns for id and text as :func:`weaklab.read` or the project names them; without ids they are
            made from the content
        votes : whether to add what each heuristic voted, ``vote_<name>``

        Raises
        ------
        WeaklabError
            A column that the committee needs is not there, or a record has no id.
        """
        return next(self.label_batches([batch], votes))

    def label_batches(self, batches: Iterable[pa.RecordBatch], votes: bool = False) -> Iterator[pa.RecordBatch]:
        """Label a stream of batches, reading a few ahead; functions run in children that are killed when they hang."""
        for batch, ballots in self.ballots(batches):
            yield self.labeled(batch, ballots, votes)[0]

    def predict(self, records: Any) -> list[str | None]:
        """Return the label of each record, in their order; None where the two most probable classes are tied.

        Parameters
        ----------
        records : list, array or Series of texts, list of dicts, pandas, polars or Arrow table, or what
            :func:`weaklab.read` returned Texts stand for the project's text column; a committee that reads other
            columns needs dicts or a table. A record whose id (or content, where there are no ids) a person labeled has
            that label.

        Raises
        ------
        WeaklabError
            A column that the committee needs is not there, a record has no id, or what came is no list of records.

        Examples
        --------
        >>> import weaklab
        >>> committee = weaklab.Committee(["ham", "spam"], timeout=None)
        >>> _ = committee.add(weaklab.keywords("spam", ["prize"]))
        >>> frozen = FrozenCommittee.of(committee)
        >>> frozen.predict(["win a prize", "lunch"]), frozen.predict([{"id": 7, "text": "a prize"}])
        (['spam', None], ['spam'])
        """
        return [label for batch in self.label_batches(self._batches(records)) for label in batch["label"].to_pylist()]

    def predict_proba(self, records: Any) -> NDArray[np.float64]:
        """Return the probability of each class, float (n, k) with rows that sum to 1; parameters are those of
        :meth:`predict`.

        >>> import weaklab
        >>> committee = weaklab.Committee(["ham", "spam"], timeout=None)
        >>> _ = committee.add(weaklab.keywords("spam", ["prize"]))
        >>> FrozenCommittee.of(committee).predict_proba(["win a prize", "lunch"]).round(2).tolist()
        [[0.0, 1.0], [0.5, 0.5]]
        """
        parts = [np.column_stack([batch[f"p_{name}"].to_numpy() for name in self.labels])
                 for batch in self.label_batches(self._batches(records))]  # fmt: skip
        return np.concatenate([np.empty((0, len(self.labels))), *parts])

    def _batches(self, records: Any) -> Iterator[pa.RecordBatch]:
        """Yield records of any form, in batches; checked before the first."""
        for number, batch in enumerate(record_batches(records, self.roles, self.reads())):
            if not number:
                self.check(batch)
            yield batch

    def schema(self, batch_schema: pa.Schema, votes: bool = False) -> pa.Schema:
        """Return the columns of :meth:`label_batch` for batches of this schema.

        The id column; ``label`` string; ``p_<label>`` double for each label; ``confidence`` double, 0 to 1; ``manual``
        bool; ``vote_<heuristic>`` string on request; ``faults`` list of strings.
        """
        import pyarrow as pa

        roles = roles_of(batch_schema, self.roles)
        id_type = batch_schema.field(roles.id).type if roles.id in batch_schema.names else pa.large_string()
        fields = [(roles.id, id_type), ("label", pa.string())]
        fields += [(f"p_{name}", pa.float64()) for name in self.labels]
        fields += [("confidence", pa.float64()), ("manual", pa.bool_())]
        fields += [(f"vote_{name}", pa.string()) for name in self.names if votes]
        fields += [("faults", pa.list_(pa.string()))]
        names = [name for name, _ in fields]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise WeaklabError(
                f"the output would have two columns {twice!r}; rename the id column, a label or a heuristic"
            )
        return pa.schema(fields)

    # ---- reading

    def prepared(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return a batch with the roles of its columns in its schema, and with ids from the content if it has none."""
        return prepared(batch, self.roles)

    def check(self, batch: pa.RecordBatch) -> None:
        """Raise a WeaklabError where these records lack a column that a declared heuristic or a feature set needs."""
        batch = self.prepared(batch).slice(0, 1)
        columns = Columns(batch)
        for heuristic in self.heuristics:
            for column in sorted(() if isinstance(heuristic, WeakClassifier) else heuristic.reads() or ()):
                _try(f"{type(heuristic).__name__.lower()} {heuristic.name!r}", columns.__getitem__, column)
            if isinstance(heuristic, WeakClassifier) and heuristic.is_ready:
                _try(f"weak classifier {heuristic.name!r}", heuristic.features.transform, batch)
        if self.embedder is not None:
            _try("the label model", self.embedder.features.transform, batch)

    def reads(self) -> frozenset[str] | None:
        """Return the columns that the members read beside ids and the text; None if one may read any, as a function
        may.
        """
        found = [h.reads() for h in self.heuristics]
        found += [] if self.embedder is None else [self.embedder.features.reads()]
        return None if None in found else frozenset().union(*(names for names in found if names))

    # ---- voting

    def ballots(self, batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[pa.RecordBatch, list[Ballot]]]:
        """Yield every batch, as :meth:`prepared` returns it, with a ballot of each member, in order; a few batches are
        read ahead.
        """
        for batch, ballots in self._runner.run(self.prepared(batch) for batch in batches):
            found = {h.name: ballot for h, ballot in zip(self._runner.heuristics, ballots, strict=True)}
            rows = BatchRows(batch)
            yield batch, [found[h.name] if h.name in found else self._classify(h, rows) for h in self.heuristics]

    @property
    def batch_rows(self) -> int:
        """The best number of rows in a batch."""
        return self._runner.batch_rows

    @cached_property
    def _runner(self) -> VoteRunner:
        """Runs the members that do not learn."""
        members = [h for h in self.heuristics if not isinstance(h, WeakClassifier)]
        compiled = getattr(self, "compile", True)  # a committee that an older version pickled has no such attribute
        return VoteRunner(members, self.labels, timeout=self.timeout, workers=self.workers, compiled=compiled)

    def _classify(self, heuristic: Heuristic, rows: BatchRows) -> Ballot:
        assert isinstance(heuristic, WeakClassifier)
        if not heuristic.is_ready:
            return Ballot.blank(len(rows))
        k = len(self.labels)
        scores, failed = rows.apply(heuristic.features, heuristic.score, 1 / k)
        ballot = heuristic.ballot(
            heuristic._honest(np.full((len(rows), k), 1 / k, np.float32) if scores is None else scores, rows.ids)
        )
        ballot.fault_rows = sorted(failed)
        ballot.faults = faults_of(heuristic, ballot.fault_rows, rows.ids)
        return ballot

    # ---- labeling

    def labeled(
        self, batch: pa.RecordBatch, ballots: list[Ballot], votes: bool = False
    ) -> tuple[pa.RecordBatch, list[Fault]]:
        """Return what :meth:`label_batch` does for a batch that has been voted on, and its faults, merged by kind."""
        import pyarrow as pa

        from weaklab.core.rows import confidence, is_tied

        schema = self.schema(batch.schema, votes)
        if not batch.num_rows:
            return pa.RecordBatch.from_pylist([], schema=schema), []
        rows = BatchRows(batch)
        problems = [
            (row, _told(h.name, kind, why))
            for h, b in zip(self.heuristics, ballots, strict=True)
            for row, kind, why in b.fault_rows
        ]
        P, failed = self._judge(ballots, rows)
        problems += [(row, _told(BY_FEATURES, kind, why)) for row, kind, why in failed]
        codes = _manual_codes(self.manual, self.labels, rows.ids)
        known = np.flatnonzero(codes != ABSTAIN)
        P[known] = np.eye(len(self.labels))[codes[known]]
        names = pa.array(list(self.labels), pa.string())
        best = pa.array(P.argmax(axis=1), pa.int32(), mask=is_tied(P))
        columns = [batch.column(Roles.of(batch.schema).id), names.take(best)]
        columns += [pa.array(np.ascontiguousarray(P[:, code])) for code in range(len(self.labels))]
        columns += [pa.array(confidence(P)), pa.array(codes != ABSTAIN)]
        columns += [names.take(pa.array(b.votes, pa.int8(), mask=b.votes == ABSTAIN)) for b in ballots if votes]
        columns.append(_listed(problems, batch.num_rows))
        faults = [*(fault for ballot in ballots for fault in ballot.faults), *_by_features(failed, rows.ids)]
        return pa.RecordBatch.from_arrays(columns, schema=schema), faults

    def _judge(self, ballots: list[Ballot], rows: BatchRows) -> tuple[NDArray[np.float64], list[FaultRow]]:
        """Return the probabilities float (n, k) of the label model, and the rows without embeddings."""
        embeddings: NDArray[np.float32] | None = None
        failed: list[FaultRow] = []
        if self.embedder is not None:
            embeddings, failed = rows.apply(self.embedder.features, self.embedder.embedding, 0.0)
        trained = TrainedCommittee(self.heuristics, self.labels, self.label_model, self.scored)
        with one_thread():
            _, P = trained.apply(ballots, len(rows), embeddings)
        return np.array(P, dtype=np.float64, order="F"), failed


def _manual_codes(manual: Mapping[str, str], labels: LabelNames, ids: Sequence[str]) -> NDArray[np.int64]:
    """Return the codes of the manual labels of these records, int (n,), -1 where there is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    codes = np.full(len(ids), ABSTAIN, dtype=np.int64)
    if manual:
        known = pa.array(list(manual), pa.large_string())
        places = pc.index_in(pa.array(ids, pa.large_string()), value_set=known).fill_null(-1).to_numpy()
        said = np.array([labels.code(name) for name in manual.values()], dtype=np.int64)
        codes[places >= 0] = said[places[places >= 0]]
    return codes


def _try(who: str, read: Callable[[Any], Any], what: Any) -> None:
    """Raise a WeaklabError if a column is missing; any other error is a fault of its record, later."""
    try:
        read(what)
    except (KeyError, WeaklabError) as error:
        raise WeaklabError(
            f"{who} cannot read the records to label: {error.args[0]}; give them the columns of the project"
        ) from None
    except Exception:
        return


def _by_features(failed: Iterable[FaultRow], ids: Sequence[str]) -> list[Fault]:
    return merge_faults(Fault(BY_FEATURES, kind, message, records=(ids[row],)) for row, kind, message in failed)


def _told(name: str, kind: str, message: str) -> str:
    return f"{name}: {kind}: {message}" if message else f"{name}: {kind}"


def _listed(problems: Iterable[tuple[int, str]], n: int) -> pa.Array:
    """Return the problems of each row as a list of texts, null where there is none."""
    import pyarrow as pa

    found: dict[int, list[str]] = defaultdict(list)
    for row, said in problems:
        found[row].append(said)
    kind = pa.list_(pa.string())
    return pa.array([found.get(row) for row in range(n)], kind) if found else pa.nulls(n, kind)


def _bare(classifier: WeakClassifier) -> WeakClassifier:
    """Return a copy without a reference to the project."""
    bare = copy.copy(classifier)
    vars(bare).pop("show", None)
    return bare


def _without_training(model: LabelModel) -> LabelModel:
    """Return a copy of a label model without its data of the records it was fitted on, which may be millions."""
    lean = copy.copy(model)
    held = lean.__dict__
    held["feature_proba_"] = None
    if held.get("_batches") is not None:  # of partial_fit
        held["_batches"] = None
    if held.get("_classifier") is not None:
        held["_classifier"] = copy.copy(held["_classifier"])
        held["_classifier"].__dict__.pop("proba_", None)
    return lean
