"""Weak classifiers: any scikit-learn classifier as a voter that learns from the manual labels."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

from weaklab.base import ABSTAIN, HeuristicError, LabelNames, Registry, WeaklabError
from weaklab.corpus.records import ids_of
from weaklab.features import Features, feature_spec, features, features_from_spec
from weaklab.heuristics import Ballot, Heuristic, Watch, fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from weaklab.corpus import Corpus

CLASSIFIERS: Registry[Callable[[int], Any]] = Registry("weak classifier")
"""Ready-made classifiers by name; each is a function of a seed that returns an unfitted scikit-learn classifier."""

FOLDS = 5
MIN_LABELS = 10
MIN_PER_CLASS = 2


@CLASSIFIERS.named("naive_bayes", "nb")
def naive_bayes(seed: int) -> Any:
    """Multinomial Naive Bayes, equal class priors; counts or TF-IDF."""
    from sklearn.naive_bayes import MultinomialNB

    return MultinomialNB(alpha=0.1, fit_prior=False)


@CLASSIFIERS.named("complement_naive_bayes", "cnb")
def complement_naive_bayes(seed: int) -> Any:
    """Complement Naive Bayes, for classes of very different size; counts or TF-IDF."""
    from sklearn.naive_bayes import ComplementNB

    return ComplementNB(alpha=0.1)


@CLASSIFIERS.named("gaussian_naive_bayes", "gnb")
def gaussian_naive_bayes(seed: int) -> Any:
    """Gaussian Naive Bayes, for numeric columns and embeddings."""
    from sklearn.naive_bayes import GaussianNB

    return GaussianNB(var_smoothing=1e-3)


@CLASSIFIERS.named("logistic_regression", "lr")
def logistic_regression(seed: int) -> Any:
    """Logistic regression with balanced classes; any features."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=10.0, class_weight="balanced", max_iter=500, random_state=seed)


class WeakClassifier(Heuristic):
    """A classifier that trains on the manual labels and votes beside the labeling functions.

    On a record that it trained on it votes out-of-fold, with a model that has not seen that record, so that nobody is
    misled by how well it remembers. It abstains where it is unsure, and everywhere until it has enough labels.

    Parameters
    ----------
    estimator : str or scikit-learn classifier
        A name (``naive_bayes``, ``logistic_regression``, ...) or any unfitted classifier with ``predict_proba``.
    features : name, list of names, :class:`~weaklab.features.Features` or object with ``transform``
        What it sees of a record; ``auto`` is TF-IDF for text, numeric columns otherwise.
    name : str, optional
    min_probability : float, optional
        Abstain where the best class has less; by default a fifth of the way from guessing (1 / k) to certainty. The
        ``committee`` label model weighs the probabilities themselves, those of an unsure classifier included.
    min_labels : int
        Abstain wholly below so many manual labels, or while fewer than two classes have two labels each.
    seed : int

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
        estimator: Any = "naive_bayes",
        features: Any = "auto",
        *,
        name: str | None = None,
        min_probability: float | None = None,
        min_labels: int = MIN_LABELS,
        seed: int = 0,
    ) -> None:
        if isinstance(estimator, str):
            CLASSIFIERS[estimator]
        elif not (hasattr(estimator, "fit") and hasattr(estimator, "predict_proba")) or isinstance(estimator, type):
            raise HeuristicError(
                f"a weak classifier needs an unfitted classifier with predict_proba, got {estimator!r}; wrap one without "
                f"probabilities in CalibratedClassifierCV, or name one of {', '.join(CLASSIFIERS.names())}"
            )
        if min_probability is not None and not 0 <= min_probability <= 1:
            raise HeuristicError(f"min_probability must be from 0 to 1, got {min_probability!r}")
        self.estimator = estimator
        self.features = _features(features)
        self.name = name or _default_name(estimator)
        self.min_probability = min_probability
        self.min_labels = min_labels
        self.seed = seed
        self.trained_on_ = 0

    @property
    def fingerprint(self) -> str:
        """Changes with the settings; what it learned is in :attr:`trained_on_` and not kept between runs."""
        estimator = self.estimator if isinstance(self.estimator, str) else fingerprint.of_value(self.estimator)
        return fingerprint.digest(
            "classifier", estimator, self.features.fingerprint, repr((self.min_probability, self.min_labels, self.seed))
        )

    def spec(self) -> dict[str, Any] | None:
        held, estimator = feature_spec(self.features), _estimator_spec(self.estimator)
        if estimator is None or held is None:
            return None
        return {
            "kind": "classifier",
            "estimator": estimator,
            "features": held,
            "name": self.name,
            "min_probability": self.min_probability,
            "min_labels": self.min_labels,
            "seed": self.seed,
        }

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> WeakClassifier:
        settings = {k: v for k, v in spec.items() if k not in ("kind", "estimator", "features")}
        return cls(_estimator_from_spec(spec["estimator"]), features_from_spec(spec["features"]), **settings)

    def fit(self, corpus: Corpus, y: Sequence[int] | NDArray[Any], labels: LabelNames) -> WeakClassifier:
        """Fit features and classifier on a corpus: ``y`` int (n,), -1 is unlabeled."""
        import numpy as np

        self.features.fit(corpus)
        codes = np.asarray(y, dtype=np.int64)
        if codes.shape != (len(corpus),):
            raise WeaklabError(f"y must hold one code a record, {len(corpus)} in all, got shape {codes.shape}")
        rows = np.flatnonzero(codes != ABSTAIN)
        ids = corpus.ids.to_pylist()
        return self.train(self.features.transform_corpus(corpus)[rows], codes[rows], [str(ids[row]) for row in rows], labels)

    def train(self, X: Any, y: NDArray[Any], ids: Sequence[str], labels: LabelNames) -> WeakClassifier:
        """Train on labeled rows: ``X`` (n, d) features, ``y`` int (n,) codes, ``ids`` of the records.

        Learns the model for unseen records, and the out-of-fold scores of these records by id.
        """
        import numpy as np

        self.labels_ = labels
        self.trained_on_ = len(y)
        self.model_ = None
        self.out_of_fold_: dict[str, NDArray[np.float32]] = {}
        counts = np.unique(y, return_counts=True)[1]
        if len(y) < self.min_labels or (counts >= MIN_PER_CLASS).sum() < 2:
            return self
        self.model_ = self._fit(X, y)
        scores = self._out_of_fold(X, y, ids)
        self.out_of_fold_ = dict(zip(map(str, ids), scores, strict=True))
        return self

    @property
    def is_ready(self) -> bool:
        """Whether it has labels enough to vote."""
        return getattr(self, "model_", None) is not None

    def _fit(self, X: Any, y: NDArray[Any]) -> Any:
        from sklearn.base import clone

        model = CLASSIFIERS[self.estimator](self.seed) if isinstance(self.estimator, str) else clone(self.estimator)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a weak classifier on a handful of labels need not converge
            return model.fit(X, y)

    def _out_of_fold(self, X: Any, y: NDArray[Any], ids: Sequence[str]) -> NDArray[np.float32]:
        import numpy as np

        fold = folds_of(y, ids, FOLDS)
        k = len(self.labels_)
        scores = np.full((len(y), k), 1 / k, dtype=np.float32)
        for number in range(fold.max() + 1):
            inside, outside = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
            if len(np.unique(y[outside])) > 1:
                scores[inside] = self._proba(self._fit(X[outside], y[outside]), X[inside])
        return scores

    def _proba(self, model: Any, X: Any) -> NDArray[np.float32]:
        """Return float32 (n, k); a class that the model has not seen gets 0, a row it cannot score is uniform."""
        import numpy as np

        scores = np.zeros((X.shape[0], len(self.labels_)), dtype=np.float32)
        scores[:, np.asarray(model.classes_, dtype=np.int64)] = model.predict_proba(X)
        scores = np.nan_to_num(scores, nan=0.0)
        totals = scores.sum(axis=1, keepdims=True)
        return np.where(totals > 0, scores / np.where(totals > 0, totals, 1), np.float32(1 / len(self.labels_)))

    def score(self, X: Any) -> NDArray[np.float32]:
        """Return the class probabilities of records it has not seen: ``X`` (n, d) to float32 (n, k)."""
        import numpy as np

        if not self.is_ready:
            k = len(self.labels_)
            return np.full((X.shape[0], k), 1 / k, dtype=np.float32)
        return self._proba(self.model_, X)

    def scores(self, batch: pa.RecordBatch) -> NDArray[np.float32]:
        """Return float32 (n, k) for a batch, out-of-fold for the records that it trained on."""
        return self._honest(self.score(self.features.transform(batch)), ids_of(batch))

    def _honest(self, scores: NDArray[np.float32], ids: Sequence[str]) -> NDArray[np.float32]:
        for row, name in enumerate(ids):
            if name in self.out_of_fold_:
                scores[row] = self.out_of_fold_[name]
        return scores

    def evaluate(self, batch: pa.RecordBatch, labels: LabelNames, watch: Watch | None = None) -> Ballot:
        if not self.is_ready:
            return Ballot.blank(batch.num_rows)
        return self.ballot(self.scores(batch))

    def ballot(self, scores: NDArray[np.float32]) -> Ballot:
        """Turn scores float32 (n, k) into votes that abstain below ``min_probability``."""
        import numpy as np

        k = scores.shape[1]
        least = 1 / k + 0.2 * (1 - 1 / k) if self.min_probability is None else self.min_probability
        best = scores.max(axis=1)
        votes = np.where((best >= least) & (best > 1 / k), scores.argmax(axis=1), ABSTAIN).astype(np.int8)
        return Ballot(votes, scores=scores)


def folds_of(y: NDArray[Any], ids: Sequence[str], folds: int) -> NDArray[np.int64]:
    """Deal records to folds, class by class, in an order that depends on their ids alone: int (n,).

    >>> import numpy as np
    >>> folds_of(np.array([0, 0, 1, 1]), ["a", "b", "c", "d"], 2).tolist()
    [0, 1, 0, 1]
    """
    import hashlib

    import numpy as np

    keys = [hashlib.blake2b(str(name).encode("utf-8", "surrogatepass"), digest_size=8).digest() for name in ids]
    order = sorted(range(len(y)), key=lambda row: (int(y[row]), keys[row]))
    fold = np.empty(len(y), dtype=np.int64)
    fold[order] = np.arange(len(y)) % min(folds, len(y))
    return fold


def _estimator_spec(estimator: Any) -> Any:
    """Return JSON for a name or for one of scikit-learn's own classifiers with plain settings, None for anything else."""
    if isinstance(estimator, str):
        return estimator
    settings = estimator.get_params(deep=False)
    plain = all(value is None or isinstance(value, (bool, int, float, str)) for value in settings.values())
    module = type(estimator).__module__
    return {"module": module, "class": type(estimator).__name__, "settings": settings} if plain and module.startswith("sklearn.") else None


def _estimator_from_spec(spec: Any) -> Any:
    if isinstance(spec, str):
        return spec
    if not spec["module"].startswith("sklearn."):
        raise HeuristicError(
            f"will not load {spec['module']}.{spec['class']}: only scikit-learn's own classifiers are made from a stored project"
        )
    return getattr(import_module(spec["module"]), spec["class"])(**spec["settings"])


def _features(what: Any) -> Features:
    return features(what)


def _default_name(estimator: Any) -> str:
    if isinstance(estimator, str):
        names = [name for name in CLASSIFIERS.names() if CLASSIFIERS[name] is CLASSIFIERS[estimator]]
        return names[0]
    return str(type(estimator).__name__)
