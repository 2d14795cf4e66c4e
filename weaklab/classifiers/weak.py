"""The weak classifier: a member of the committee that learns from the manual labels."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from weaklab.classifiers import estimators
from weaklab.classifiers.calibration import (
    CALIBRATE_LABELS,
    TIED,
    binary,
    finite,
    fit_temperature,
    precision_thresholds,
    softmax,
    tempered,
)
from weaklab.classifiers.choosing import ChosenLogisticRegression, has_choice
from weaklab.classifiers.folds import FOLDS, by_id, folds_of
from weaklab.classifiers.linear import NO_FOLD, LinearModel, LogisticRegression
from weaklab.classifiers.models import CLASSIFIERS
from weaklab.classifiers.stored import estimator_from_spec, estimator_spec
from weaklab.classifiers.texts import OnTexts, Texts, reads_texts
from weaklab.core.errors import HeuristicError, WeaklabError, is_whole
from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.corpus.records import ids_of
from weaklab.features import feature_spec, features, features_from_spec, transform_once
from weaklab.features.checks import feature_matrix
from weaklab.heuristics import Ballot, Heuristic, Watch, fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from weaklab.corpus import Corpus

MIN_LABELS = 10
AUTO = "auto"
"""Name for an estimator that is chosen according to the features, see :func:`chosen`."""
MIN_PER_CLASS = 2


class WeakClassifier(Heuristic):
    """A classifier that is trained on the manual labels and votes together with the labeling functions.

    For a record that it was trained on, it votes out-of-fold: with a model that was trained without this record. So its
    measured accuracy is not inflated by memorised labels. It abstains if it is not confident, and on all records until
    it has enough labels.

    Parameters
    ----------
    estimator : str or scikit-learn classifier
        A name (``naive_bayes``, ``logistic_regression``, ...) or any unfitted classifier with ``predict_proba``,
        ``decision_function`` or ``predict``. If it has only ``predict``, probabilities are taken from its out-of-fold
        confusion matrix. ``auto``, the default, is Naive Bayes for counts and TF-IDF, and logistic regression for
        numeric columns and embeddings. A pipeline with a text vectorizer gets the texts themselves.
    features : name, list, table, :class:`~weaklab.features.Features` or object with ``transform``
        The features of a record, see :func:`weaklab.features.features`; ``auto`` is TF-IDF for text, numeric columns
        otherwise.
    name : str, optional
    min_probability : float, optional
        Abstain if the best class has a lower probability; by default a fifth of the way from 1 / k to 1. The
        ``committee`` label model uses the probabilities themselves, even where the classifier abstains.
    min_precision : float, optional
        The required precision of its votes for each class, such as 0.9. Each class gets a threshold, the lowest
        probability for which the out-of-fold votes show this precision
        (:func:`~weaklab.classifiers.calibration.precision_thresholds`). If there is none, it never votes for the class.
        ``min_probability`` applies as well.
    calibrate : bool
        From 20 manual labels on, scale the scores with a temperature that is fitted to the out-of-fold scores. A
        classifier that only memorises gets a high temperature, which makes its scores uniform.
    min_labels : int
        Abstain on all records below this number of manual labels, or until two classes have two labels each.
    seed : int

    Attributes
    ----------
    out_of_fold_ : record id -> float32 (k,), out-of-fold scores of the records that it was trained on
    temperature_ : float, the temperature; None if there are too few labels for it
    thresholds_ : float (k,), the lowest probability with which it votes for each class; inf for classes that it never
        votes for
    trained_on_ : int, number of manual labels
    chosen_ : name of the classifier that ``auto`` chose; None for any other estimator

    Examples
    --------
    >>> import weaklab
    >>> corpus = weaklab.read(["free prize now", "win a free prize", "lunch at noon", "see you at lunch"] * 5)
    >>> classifier = WeakClassifier("naive_bayes").fit(corpus, [1, 1, 0, 0] * 5, LabelNames(["ham", "spam"]))
    >>> classifier.vote(next(weaklab.read(["a free prize"]).batches()), classifier.labels_).tolist()
    [1]
    """

    def __init__(
        self,
        estimator: Any = AUTO,
        features: Any = "auto",
        *,
        name: str | None = None,
        min_probability: float | None = None,
        min_precision: float | None = None,
        calibrate: bool = True,
        min_labels: int = MIN_LABELS,
        seed: int = 0,
    ) -> None:
        if isinstance(estimator, str):
            if estimator != AUTO:
                CLASSIFIERS[estimator]
        else:
            estimators.check_estimator(estimator, CLASSIFIERS.names())
            features = _texts_for(estimator, features)
        shares: dict[str, Any] = {"min_probability": min_probability, "min_precision": min_precision}
        for setting, value in shares.items():
            if value is not None and (
                isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1
            ):
                raise HeuristicError(f"{setting} must be from 0 to 1, got {value!r}")
        if not isinstance(calibrate, bool):
            raise HeuristicError(f"calibrate must be true or false, got {calibrate!r}")
        for setting, value in (("min_labels", min_labels), ("seed", seed)):
            if not is_whole(value) or value < 0:
                raise HeuristicError(f"{setting} must be a whole number, 0 or more, got {value!r}")
        self.estimator = estimator
        self.features = _features(features)
        self.name, self.named = name or _default_name(estimator), name is not None
        self.min_probability = min_probability
        self.min_precision = min_precision
        self.calibrate = calibrate
        self.min_labels = min_labels
        self.seed = seed
        self.trained_on_ = 0

    def _settings(self) -> dict[str, Any]:
        return {
            "min_probability": self.min_probability,
            "min_precision": self.min_precision,
            "calibrate": self.calibrate,
            "min_labels": self.min_labels,
            "seed": self.seed,
        }

    show: Callable[[], Any] | None = None
    """The preview to show in a notebook; set by the project in which it is registered."""

    def __repr__(self) -> str:
        chosen = f" ({self.chosen_})" if self.estimator == AUTO and self.is_ready else ""
        return (
            f"WeakClassifier({self.estimator!r}{chosen}, {type(self.features).__name__.lower()!r}, name={self.name!r})"
        )

    def _repr_html_(self) -> str | None:
        return None if self.show is None else str(self.show()._repr_html_())

    @property
    def fingerprint(self) -> str:
        """A hash of the settings; it does not include what was learned, which is not stored between runs."""
        estimator = self.estimator if isinstance(self.estimator, str) else fingerprint.of_value(self.estimator)
        return fingerprint.digest("classifier", estimator, self.features.fingerprint, repr(self._settings()))

    def spec(self) -> dict[str, Any] | None:
        held, estimator = feature_spec(self.features), estimator_spec(self.estimator)
        if estimator is None or held is None:
            return None
        return {"kind": "classifier", "estimator": estimator, "features": held, "name": self.name, **self._settings()}

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> WeakClassifier:
        settings = {k: v for k, v in spec.items() if k not in ("kind", "estimator", "features")}
        return cls(estimator_from_spec(spec["estimator"]), features_from_spec(spec["features"]), **settings)

    # ---- training

    def fit(self, corpus: Corpus, y: Sequence[int] | NDArray[Any], labels: LabelNames) -> WeakClassifier:
        """Fit features and classifier to a corpus: ``y`` int (n,), -1 is unlabeled; return self."""
        import numpy as np

        self.features.fit(corpus)
        codes = np.asarray(y, dtype=np.int64)
        if codes.shape != (len(corpus),):
            raise WeaklabError(f"y must hold one code per record, {len(corpus)} in all, got shape {codes.shape}")
        rows = np.flatnonzero(codes != ABSTAIN)
        ids = corpus.ids.to_pylist()
        return self.train(
            self.features.transform_corpus(corpus)[rows], codes[rows], [str(ids[row]) for row in rows], labels
        )

    def train(
        self,
        X: Any,
        y: NDArray[Any],
        ids: Sequence[str],
        labels: LabelNames,
        *,
        also: Any = None,
        groups: Sequence[Any] | None = None,
    ) -> WeakClassifier:
        """Train on labeled rows; return self.

        It fits the model for new records, and computes the out-of-fold scores of these records.

        Parameters
        ----------
        X : (n, d) features, sparse or dense, finite numbers; float16 is converted to float32
        y : int (n,) codes
        ids : ids of the n records
        labels : label names
        also : (X2, y2) or (X2, y2, weights), optional
            Further rows for training, such as pseudo-labels and synthetic records, used in the model and in every fold.
            They are not scored, do not count as labels, and are not used for calibration.
        groups : n names, optional
            Records of one group, such as near-duplicates, are held out together.
        """
        import numpy as np

        self.labels_ = labels
        self.trained_on_ = len(y)
        self.chosen_ = chosen(X) if self.estimator == AUTO else None
        self.model_: Any = None
        self.temperature_: float | None = None
        self.confusion_: NDArray[np.float64] | None = None
        self.out_of_fold_: dict[str, NDArray[np.float32]] = {}
        self.thresholds_ = np.full(len(labels), self._least(len(labels)))
        y = np.asarray(y, dtype=np.int64)
        without_features = not self.reads_texts and X.shape[1] == 0
        if without_features or self.wanting(y, labels) is not None:
            return self
        if not self.reads_texts:
            X = feature_matrix(X, "X", lambda row: f"record {str(ids[row])!r}")
        order = by_id(
            ids
        )  # a fixed order, so that rounding, seeds and ties in training do not depend on the order of the records
        X, y, fold = X[order], y[order], folds_of(y, ids, FOLDS, groups)[order]
        rows, codes, weight, folds = _joined(X, y, fold, also, len(labels))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # with a few labels, convergence is not needed
            Z = self._learn(rows, codes, weight, folds)[: len(y)]
        scores = self._calibrated(Z, y)
        held_out = np.empty_like(scores)
        held_out[order] = scores
        self.out_of_fold_ = dict(zip(map(str, ids), held_out, strict=True))
        if self.min_precision is not None:
            self.thresholds_ = np.maximum(self.thresholds_, precision_thresholds(scores, y, self.min_precision))
        return self

    def wanting(self, y: NDArray[Any], labels: LabelNames) -> str | None:
        """Describe which labels are missing before it can vote; None if there are enough. ``y`` is int (n,).

        >>> import numpy as np
        >>> WeakClassifier().wanting(np.array([0, 0, 0, 1]), LabelNames(["ham", "spam"]))
        '6 more labels are needed, 1 of them at least of spam'
        """
        import numpy as np

        counts = np.bincount(np.asarray(y)[np.asarray(y) != ABSTAIN], minlength=len(labels))
        short = np.maximum(MIN_PER_CLASS - counts, 0)
        missing = int(np.sort(short)[:2].sum())
        more = max(self.min_labels - int(counts.sum()), missing)
        if more <= 0:
            return None
        said = f"{more} more label{'s are' if more > 1 else ' is'} needed"
        if not missing:
            return said
        rare = [str(name) for name, lacks in zip(labels, short, strict=True) if lacks]
        listed = ", ".join(rare[:10]) + (", ..." if len(rare) > 10 else "")
        of = listed if len(rare) == 1 else f"{'one' if (short == 0).any() else 'two'} of {listed}"
        return f"{said}, {missing} of them at least of {of}"

    @property
    def reads_texts(self) -> bool:
        """Whether it reads texts instead of features; then other members cannot share its features."""
        return isinstance(self.features, Texts)

    @property
    def used_(self) -> str | None:
        """Which features it uses and how strongly they are penalised, where that was chosen; None elsewhere."""
        return getattr(self.model_, "chosen_", None) if self.is_ready else None

    @property
    def is_ready(self) -> bool:
        """Whether it was trained with enough labels to vote."""
        return getattr(self, "model_", None) is not None

    def _new(self) -> Any:
        from sklearn.base import clone

        if isinstance(self.estimator, str):
            return CLASSIFIERS[self.chosen_ or self.estimator](self.seed)
        fresh = clone(self.estimator, safe=False)
        return OnTexts(fresh) if isinstance(self.features, Texts) else fresh

    def _learn(
        self, X: Any, y: NDArray[np.int64], weight: NDArray[np.float64], fold: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Fit the model; return out-of-fold log-scores (n, k), -inf for classes that are only in the held-out fold."""
        import numpy as np

        k = len(self.labels_)
        model = self._new()
        sentence = self.features.vector_columns()
        if isinstance(model, LogisticRegression) and has_choice(X, sentence, self.trained_on_):
            model = ChosenLogisticRegression(sentence)
        if hasattr(model, "fit_out_of_fold"):
            Z = model.fit_out_of_fold(X, y, weight, fold)
            self.model_ = model
            Z = estimators.spread(Z, model.classes_, k)
            Z[np.isfinite(Z).sum(axis=1) < 2] = 0  # a model of one class has no information
            return np.asarray(Z)
        self.model_ = estimators.fit(model, X, y, weight)
        Z = np.zeros((len(y), k))
        for number in range(fold.max() + 1):
            inside, outside = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
            if len(np.unique(y[outside])) > 1:
                part = estimators.fit(self._new(), X[outside], y[outside], weight[outside])
                Z[inside] = estimators.log_scores(part, X[inside], k)
        return Z

    def _calibrated(self, Z: NDArray[Any], y: NDArray[np.int64]) -> NDArray[np.float32]:
        """Fit the calibration to out-of-fold log-scores and return their probabilities.

        The calibration is a temperature, or a confusion matrix if the classifier only predicts classes.
        """
        import numpy as np

        if estimators.gives_only_votes(self.model_):
            counts = np.ones((len(self.labels_), len(self.labels_)))
            decided = _prefers_a_class(Z)
            np.add.at(counts, (Z[decided].argmax(axis=1), y[decided]), 1)
            self.confusion_ = counts / counts.sum(axis=1, keepdims=True)
        elif self.calibrate and len(y) >= CALIBRATE_LABELS:
            self.temperature_ = fit_temperature(finite(Z), y)
        return self._probabilities(Z)

    def _probabilities(self, Z: NDArray[Any]) -> NDArray[np.float32]:
        """Return probabilities float32 (n, k) of log-scores (n, k); ``Z`` is overwritten."""
        import numpy as np

        if self.confusion_ is not None:
            P = np.full(Z.shape, 1 / Z.shape[1])
            decided = _prefers_a_class(Z)
            P[decided] = self.confusion_[Z[decided].argmax(axis=1)]
            return np.asarray(P, dtype=np.float32)
        P = softmax(Z) if self.temperature_ is None else tempered(finite(Z), self.temperature_, self.trained_on_)
        return np.asarray(P, dtype=np.float32)

    # ---- voting

    def score(self, X: Any) -> NDArray[np.float32]:
        """Return class probabilities, float32 (n, k), for features ``X`` (n, d) of records it was not trained on."""
        import numpy as np

        k = len(self.labels_)
        if not self.reads_texts and getattr(X, "dtype", None) not in (np.float32, np.float64):
            X = feature_matrix(X)
        if not self.is_ready:
            return np.full((X.shape[0], k), 1 / k, dtype=np.float32)
        if k == 2 and isinstance(self.model_, LinearModel) and len(self.model_.classes_) == 2:
            odds = self.model_.log_odds(X, 1)
            return binary(odds) if self.temperature_ is None else binary(odds, self.temperature_, self.trained_on_)
        return self._probabilities(estimators.log_scores(self.model_, X, k))

    def scores(self, batch: pa.RecordBatch) -> NDArray[np.float32]:
        """Return class probabilities, float32 (n, k), for a batch; out-of-fold for records that it was trained on."""
        return self._honest(self.score(transform_once(batch, self.features)), ids_of(batch))

    def _honest(self, scores: NDArray[np.float32], ids: Sequence[str]) -> NDArray[np.float32]:
        for row, name in enumerate(ids):
            if name in self.out_of_fold_:
                scores[row] = self.out_of_fold_[name]
        return scores

    def reads(self) -> frozenset[str] | None:
        return self.features.reads() if self.is_ready else frozenset()

    def evaluate(self, batch: pa.RecordBatch, labels: LabelNames, watch: Watch | None = None) -> Ballot:
        if not self.is_ready:
            return Ballot.blank(batch.num_rows)
        return self.ballot(self.scores(batch))

    def _least(self, k: int) -> float:
        """Return the lowest probability with which it votes."""
        return 1 / k + 0.2 * (1 - 1 / k) if self.min_probability is None else float(self.min_probability)

    def ballot(self, scores: NDArray[np.float32]) -> Ballot:
        """Return the votes for scores float32 (n, k); it abstains below :attr:`thresholds_`."""
        import numpy as np

        from weaklab.core.rows import blocks

        n, k = scores.shape
        least = np.asarray(getattr(self, "thresholds_", np.full(k, self._least(k))), dtype=np.float32)
        least = np.maximum(least, np.float32(1 / k + TIED))  # never vote if all classes are equal
        votes = np.zeros(n, dtype=np.int8)
        for rows in blocks(n):
            part, vote = scores[rows], votes[rows]
            np.greater(part[:, 1], part[:, 0], out=vote.view(bool))
            best, second = np.maximum(part[:, 0], part[:, 1]), np.minimum(part[:, 0], part[:, 1])
            for code in range(2, k):  # several times faster than argmax over short rows
                np.putmask(vote, part[:, code] > best, np.int8(code))
                np.maximum(second, np.minimum(best, part[:, code]), out=second)
                np.maximum(best, part[:, code], out=best)
            silent = best < (least[0] if (least == least[0]).all() else least[vote])
            if k > 2:  # abstain on ties; two classes are covered by the lowest threshold
                silent |= best - second < np.float32(TIED)
            vote |= -silent.view(np.int8)  # sets -1, in which all bits are set
        return Ballot(votes, scores=scores)


def _prefers_a_class(Z: NDArray[Any]) -> NDArray[np.bool_]:
    """Return whether the log-scores (n, k) of each row are not all equal: bool (n,)."""
    import numpy as np

    return np.asarray(Z.max(axis=1) > Z.min(axis=1))


def chosen(X: Any) -> str:
    """Return the name of the classifier for features (n, d): Naive Bayes if sparse, logistic regression if dense.

    Sparse features are counts or TF-IDF, dense ones numbers or embeddings.

    >>> import numpy as np
    >>> chosen(np.array([[0.1, -2.0]]))
    'logistic_regression'
    """
    from scipy import sparse

    return "naive_bayes" if sparse.issparse(X) and not (X.data < 0).any() else "logistic_regression"


def _texts_for(estimator: Any, what: Any) -> Any:
    """Return the features for an estimator; the texts themselves if it has a text vectorizer."""
    if not reads_texts(estimator):
        return what
    if what != "auto" and not isinstance(what, Texts):
        raise HeuristicError(
            "the estimator is a pipeline with a text vectorizer, which makes its own features of the texts; leave "
            "features out, or give its classifier alone"
        )
    return Texts()


def _joined(
    X: Any, y: NDArray[np.int64], fold: NDArray[np.int64], also: Any, k: int
) -> tuple[Any, NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return rows, codes, weights and folds: first the labeled records, then the further rows for training."""
    import numpy as np
    from scipy import sparse

    if also is None:
        return X, y, np.ones(len(y)), fold
    if not isinstance(also, tuple) or len(also) not in (2, 3):
        raise WeaklabError(f"also must be (X, y) or (X, y, weights), got {type(also).__name__} of {len(also)}")
    more = np.asarray(also[1], dtype=np.int64)
    weight = np.asarray(also[2] if len(also) == 3 else np.ones(len(more)), dtype=np.float64)
    if also[0].shape != (len(more), X.shape[1]) or weight.shape != more.shape:
        raise WeaklabError(
            f"also must hold one row of {X.shape[1]} features, one code and one weight per record, "
            f"got {also[0].shape} features, {more.shape} codes and {weight.shape} weights"
        )
    if len(more) and not 0 <= more.min() <= more.max() < k:
        raise WeaklabError(
            f"also holds the code {more.min() if more.min() < 0 else more.max()}; wanted codes 0 to {k - 1}"
        )
    if not (np.isfinite(weight) & (weight >= 0)).all():
        raise WeaklabError("also holds a weight that is negative or no number; wanted weights of 0 or more")
    held = weight > 0
    blocks = [X, also[0][held]]
    rows = sparse.vstack(blocks, format="csr") if any(map(sparse.issparse, blocks)) else np.vstack(blocks)
    return (
        rows,
        np.concatenate([y, more[held]]),
        np.concatenate([np.ones(len(y)), weight[held]]),
        np.concatenate([fold, np.full(held.sum(), NO_FOLD)]),
    )


def _features(what: Any) -> Any:
    return features(what)


def _default_name(estimator: Any) -> str:
    if estimator == AUTO:
        return "classifier"
    if isinstance(estimator, str):
        names = [name for name in CLASSIFIERS.names() if CLASSIFIERS[name] is CLASSIFIERS[estimator]]
        return names[0]
    return str(type(estimator).__name__)
