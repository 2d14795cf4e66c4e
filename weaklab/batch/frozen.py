"""A trained committee that no longer changes: it labels batches of records, in this process or in any other."""

from __future__ import annotations

import copy
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.classifiers import WeakClassifier
from weaklab.core.errors import WeaklabError
from weaklab.core.faults import Fault, merge_faults
from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.core.rows import one_thread
from weaklab.corpus import ColumnError, Corpus
from weaklab.corpus.records import _METADATA_KEY, TEXT_JOINT, Columns, Roles, ids_of
from weaklab.corpus.source import Source
from weaklab.exchange import source_of
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
_ID_BYTES = 8


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
    timeout, workers : as of :class:`weaklab.Committee`

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
    ) -> None:
        # in one copy, so that members which share their features still do
        learned, self.label_model, self.embedder = copy.deepcopy(
            ([_bare(h) for h in heuristics if isinstance(h, WeakClassifier)], _without_training(label_model), embedder)
        )
        classifiers = {h.name: h for h in learned}
        self.heuristics: list[Heuristic] = [classifiers.get(h.name, h) for h in heuristics]
        self.labels, self.scored, self.manual, self.roles = labels, tuple(sorted(scored)), dict(manual or {}), roles
        self.timeout, self.workers = timeout, workers
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
            self._parts = {f"heuristic {h.name}": _member_hash(h) for h in self.heuristics}
            model = [type(self.label_model).__qualname__, vars(self.label_model), self.scored]
            embedder = self.embedder and [_features_hash(self.embedder.features), vars(self.embedder.embedding)]
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
        if isinstance(records, (str, bytes)):
            raise WeaklabError(f"wanted a list of records, got one text; put it into a list: [{str(records)[:40]!r}]")
        texts = _texts_among(records)
        if texts is not None:
            records = _table_of_texts(texts, self._text_column())
        elif isinstance(records, (list, tuple)) and not records:
            return
        batches = records.batches() if isinstance(records, Corpus) else self._read(source_of(records))
        for number, batch in enumerate(batch for batch in batches if batch.num_rows):
            if not number:
                self.check(batch)
            yield batch

    def _read(self, source: Source) -> list[pa.RecordBatch]:
        """Return all batches of a source, without columns that cannot be stored and that no member is known to read."""
        known = self.roles or Roles("id", ("text",))
        source.text_columns, source.id_column = tuple(dict.fromkeys([*known.text, "text"])), known.id
        source.needed = frozenset((known.id, *source.text_columns)) | (self.reads() or frozenset())
        while True:
            try:
                return list(source)
            except ColumnError as error:
                source.leave_out(error)

    def _text_column(self) -> str:
        """Return the column that a list of plain texts is used for."""
        texts = ("text",) if self.roles is None else self.roles.text
        if len(texts) != 1:
            held = f"the columns {', '.join(texts)}" if texts else "no text, but columns"
            raise WeaklabError(
                f"records of this committee have {held}; wanted dicts or a table with the columns of the project, got "
                "texts"
            )
        return texts[0]

    def schema(self, batch_schema: pa.Schema, votes: bool = False) -> pa.Schema:
        """Return the columns of :meth:`label_batch` for batches of this schema.

        The id column; ``label`` string; ``p_<label>`` double for each label; ``confidence`` double, 0 to 1; ``manual``
        bool; ``vote_<heuristic>`` string on request; ``faults`` list of strings.
        """
        import pyarrow as pa

        roles = self._roles_of(batch_schema)
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

    def _roles_of(self, schema: pa.Schema) -> Roles:
        """Return the roles of the columns: as the batch says, else as in the project, else ``id`` and ``text``."""
        if _METADATA_KEY in (schema.metadata or {}):
            return Roles.of(schema)
        known = self.roles or Roles("id", ("text",) if "text" in schema.names else ())
        if all(name in schema.names for name in known.text):
            return known
        if "text" in schema.names:
            return replace(known, text=("text",))
        missing = next(name for name in known.text if name not in schema.names)
        raise WeaklabError(f"no text column {missing!r} in the records to label; they have {', '.join(schema.names)}")

    def prepared(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return a batch with the roles of its columns in its schema, and with ids from the content if it has none."""
        names = batch.schema.names
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise WeaklabError(f"the records to label have more than one column {twice!r}; rename or drop the others")
        roles = self._roles_of(batch.schema)
        batch = _without_views(batch).replace_schema_metadata(roles.attach(batch.schema).metadata)
        return batch if roles.id in batch.schema.names else with_content_ids(batch)

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
            rows = _Rows(batch)
            yield batch, [found[h.name] if h.name in found else self._classify(h, rows) for h in self.heuristics]

    @property
    def batch_rows(self) -> int:
        """The best number of rows in a batch."""
        return self._runner.batch_rows

    @cached_property
    def _runner(self) -> VoteRunner:
        """Runs the members that do not learn."""
        members = [h for h in self.heuristics if not isinstance(h, WeakClassifier)]
        return VoteRunner(members, self.labels, timeout=self.timeout, workers=self.workers)

    def _classify(self, heuristic: Heuristic, rows: _Rows) -> Ballot:
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
        rows = _Rows(batch)
        problems = [
            (row, _told(h.name, kind, why))
            for h, b in zip(self.heuristics, ballots, strict=True)
            for row, kind, why in b.fault_rows
        ]
        P, failed = self._judge(ballots, rows)
        problems += [(row, _told(BY_FEATURES, kind, why)) for row, kind, why in failed]
        codes = self._manual_codes(batch)
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

    def _judge(self, ballots: list[Ballot], rows: _Rows) -> tuple[NDArray[np.float64], list[FaultRow]]:
        """Return the probabilities float (n, k) of the label model, and the rows without embeddings."""
        embeddings: NDArray[np.float32] | None = None
        failed: list[FaultRow] = []
        if self.embedder is not None:
            embeddings, failed = rows.apply(self.embedder.features, self.embedder.embedding, 0.0)
        trained = TrainedCommittee(self.heuristics, self.labels, self.label_model, self.scored)
        with one_thread():
            _, P = trained.apply(ballots, len(rows), embeddings)
        return np.array(P, dtype=np.float64, order="F"), failed

    def _manual_codes(self, batch: pa.RecordBatch) -> NDArray[np.int64]:
        """Return the codes of the manual labels of these records, int (n,), -1 where there is none."""
        import pyarrow as pa
        import pyarrow.compute as pc

        codes = np.full(batch.num_rows, ABSTAIN, dtype=np.int64)
        if self.manual:
            ids = pa.array(ids_of(batch), pa.large_string())
            places = pc.index_in(ids, value_set=pa.array(list(self.manual), pa.large_string())).fill_null(-1).to_numpy()
            said = np.array([self.labels.code(name) for name in self.manual.values()], dtype=np.int64)
            codes[places >= 0] = said[places[places >= 0]]
        return codes


class _Rows:
    """One batch with its ids and feature matrices, computed once for all members."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch = batch
        self._ids: list[str] | None = None
        self._matrices: dict[int, Any] = {}

    def __len__(self) -> int:
        return int(self.batch.num_rows)

    @property
    def ids(self) -> list[str]:
        if self._ids is None:
            self._ids = ids_of(self.batch)
        return self._ids

    def apply(
        self, features: Features, function: Callable[[Any], NDArray[np.float32]], blank: float
    ) -> tuple[NDArray[np.float32] | None, list[FaultRow]]:
        """Return ``function(features)``; where that raises, try halves, down to the records at fault.

        Returns
        -------
        (float32 (n, d), [(row, exception, message)])
            The numbers of rows that failed are ``blank``; None where all failed.
        """
        found: NDArray[np.float32] | None = None
        failed: list[FaultRow] = []
        pending = [(0, len(self))]
        while pending:
            start, stop = pending.pop()
            try:
                with one_thread():
                    part = function(self._matrix(features, start, stop))
                if found is None:
                    found = np.full((len(self), part.shape[1]), blank, dtype=np.float32)
                found[start:stop] = part
            except Exception as error:  # a classifier may be anybody's code
                if stop - start == 1:
                    failed.append((start, type(error).__name__, str(error)[:500]))
                else:
                    middle = (start + stop) // 2
                    pending += [(middle, stop), (start, middle)]
        return found, failed

    def _matrix(self, features: Features, start: int, stop: int) -> Any:
        if stop - start < len(self):
            return features.transform(self.batch.slice(start, stop - start))
        if id(features) not in self._matrices:
            self._matrices[id(features)] = features.transform(self.batch)
        return self._matrices[id(features)]


def _texts_among(records: Any) -> list[Any] | None:
    """Return the texts of a list, array or Series of nothing else; None of any other records."""
    if hasattr(records, "columns") or isinstance(records, (Corpus, dict)):
        return None
    found = (
        records.to_pylist()
        if hasattr(records, "to_pylist")
        else records.tolist()
        if hasattr(records, "tolist")
        else records
    )
    if hasattr(found, "to_list"):
        found = found.to_list()
    if (
        not isinstance(found, (list, tuple))
        or not found
        or not all(isinstance(text, str) or text is None for text in found)
    ):
        return None
    return list(found)


def _table_of_texts(texts: list[Any], column: str) -> pa.Table:
    import pyarrow as pa

    try:
        return pa.table({column: pa.array(texts, pa.large_string())})
    except UnicodeEncodeError:  # a lone surrogate, which no file can hold
        held = [
            None if text is None else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            for text in texts
        ]
        return pa.table({column: pa.array(held, pa.large_string())})


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


def _without_views(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch with plain columns in the place of string and binary views, of which Arrow cannot take rows."""
    import pyarrow as pa

    for i, field in enumerate(batch.schema):
        plain = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}.get(field.type)
        if plain is not None:
            batch = batch.set_column(i, field.with_type(plain), batch.column(i).cast(plain))
    return batch


def with_content_ids(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Give a batch ids made from the content of its records, 64 bits of BLAKE2b; records that are equal have equal ids.

    They are those of :func:`weaklab.read` but for the number that it puts behind a repeated record, which takes
    remembering them all.

    >>> import weaklab
    >>> batch = next(weaklab.read(["a", "b"]).batches())
    >>> with_content_ids(batch.drop_columns(["id"]))["id"] == batch["id"]
    True
    """
    import hashlib

    import pyarrow as pa

    roles = Roles.of(batch.schema)
    names = [*roles.text] or sorted(name for name in batch.schema.names if name not in roles.hidden)
    lists = [batch.column(name).to_pylist() for name in names]
    if roles.text:
        lists = [["" if value is None else value for value in values] for values in lists]
    contents = map(TEXT_JOINT.join, zip(*lists, strict=True)) if roles.text else map(repr, zip(*lists, strict=True))
    made = [
        hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_ID_BYTES).hexdigest() for text in contents
    ]
    found = pa.record_batch([pa.array(made, pa.large_string()), *batch.columns], names=[roles.id, *batch.schema.names])
    return found.replace_schema_metadata(roles.attach(found.schema).metadata)


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


def _member_hash(heuristic: Heuristic) -> str:
    """Return a hash of what a member does and what it has learned."""
    if not isinstance(heuristic, WeakClassifier):
        known = fingerprint.once(heuristic.fingerprint) if heuristic.unseen else heuristic.fingerprint
        return fingerprint.digest(heuristic.name, known)
    learned = (
        {name: value for name, value in vars(heuristic).items() if name.endswith("_")} if heuristic.is_ready else {}
    )
    return fingerprint.digest(
        heuristic.name,
        heuristic.fingerprint,
        fingerprint.of_value(learned),
        _features_hash(heuristic.features) if learned else "",
    )


def _features_hash(features: Features) -> str:
    """Return a hash of a feature set and what it has learned."""
    state = features.state()
    return fingerprint.digest(features.fingerprint, fingerprint.of_value(vars(features) if state is None else state))
