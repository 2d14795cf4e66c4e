"""The end model: a classifier trained on the labels of a committee, for use without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.errors import WeaklabError
from weaklab.core.files import replacing, write_errors
from weaklab.core.tables import Table
from weaklab.training.noise_aware import class_probabilities

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

SUFFIX = ".skops"
NO_SKOPS = "saving and loading end models needs skops: pip install 'weaklab[model]'"
FORMAT = 1
HARMLESS = ("numpy.dtype", "scipy.sparse._csr.csr_matrix", "scipy.sparse._csc.csc_matrix")
"""Types that skops does not trust by itself, and that hold nothing but numbers or say of what kind they are."""
LOGISTIC_REGRESSION = "logistic_regression"
ESTIMATORS = (LOGISTIC_REGRESSION, "naive_bayes")
"""What an end model can be by name."""


@dataclass(frozen=True, repr=False)
class EndModel:
    """A trained end model, as :meth:`weaklab.Project.train_end_model` returns it.

    Attributes
    ----------
    estimator : the trained estimator; its classes are the codes of the labels
    labels : the label names, in the order of their codes
    columns : the columns that it reads; None if it reads the text
    figures : rows of :attr:`report`
    notes : what the report rests on
    """

    estimator: Any
    labels: Sequence[str]
    columns: Sequence[str] | None = None
    figures: Sequence[dict[str, Any]] = ()
    notes: Sequence[str] = field(default_factory=tuple)

    def predict_proba(self, records: Any) -> NDArray[np.float64]:
        """Return probabilities float (n, k), in the order of ``labels``.

        Parameters
        ----------
        records : a list of texts, or a DataFrame with the columns that the model was trained on
        """
        if isinstance(records, str):
            raise WeaklabError("wanted a list of texts, got one text; put it into a list")
        if self.columns is not None:
            missing = [name for name in self.columns if name not in getattr(records, "columns", ())]
            if missing:
                raise WeaklabError(
                    f"the model reads the columns {', '.join(self.columns)}; missing: {', '.join(missing)}"
                )
            records = records[list(self.columns)]
        else:
            records = [str(text) for text in records]
        if not len(records):
            return np.zeros((0, len(self.labels)))
        return class_probabilities(self.estimator, records, len(self.labels))

    def predict(self, records: Any) -> list[str]:
        """Return the most probable label of each record."""
        return [self.labels[code] for code in self.predict_proba(records).argmax(axis=1).tolist()]

    @property
    def report(self) -> pd.DataFrame:
        """How good the model is, beside the same estimator on manual labels alone and beside the committee.

        One row for each of them: ``accuracy`` with its 95 % interval, from ``n_audit`` random answers, NaN where these
        are too few; ``gold_accuracy`` and ``gold_macro_f1`` on the records with gold labels, ``test_accuracy`` and
        ``test_macro_f1`` on the test records, where there are any. No model was trained on a record that it is judged
        by; the committee has no figure on test records.
        """
        import pandas as pd

        return pd.DataFrame(list(self.figures))

    def table(self) -> Table:
        """Return the report as a table for display."""
        rows = [[row["model"], *(_cells(row))] for row in self.figures]
        exact = [name for name in EXACT if any(name in row for row in self.figures)]
        return Table(
            f"end model: {_described(self.estimator)}",
            ["", "accuracy", "from", "to", "random answers", *(EXACT[name] for name in exact)],
            [
                [*cells, *(_percent(row.get(name)) for name in exact)]
                for cells, row in zip(rows, self.figures, strict=True)
            ],
            list(self.notes),
        )

    def save(self, path: str | Path) -> None:
        """Write the model with skops: a file that can be read without running code in it.

        Raises
        ------
        WeaklabError
            skops is missing, or the file is no ``.skops`` file: pickles run code when they are read.
        """
        path = check_file(path)
        content = {"weaklab_end_model": FORMAT, "estimator": self.estimator, "labels": list(self.labels)}
        content |= {"columns": None if self.columns is None else list(self.columns)}
        content |= {"figures": [dict(row) for row in self.figures], "notes": list(self.notes)}
        with write_errors(path), replacing(path) as fresh:
            fresh.write_bytes(_skops().dumps(content))

    @classmethod
    def load(cls, path: str | Path, trusted: Sequence[str] = ()) -> EndModel:
        """Read a model that :meth:`save` wrote.

        Parameters
        ----------
        trusted : names of types in the file that may be constructed, beside those that skops trusts: scikit-learn's,
            numpy's and scipy's. Look at their code first if the file is from somebody else.

        Raises
        ------
        WeaklabError
            The file is not such a file, or holds types that are not trusted; they are named.
        """
        path = check_file(path)
        io = _skops()
        try:
            data = path.read_bytes()
        except OSError as error:
            raise WeaklabError(f"{path}: {error.strerror}; wanted a file that EndModel.save wrote") from None
        try:
            unknown = sorted(set(io.get_untrusted_types(data=data)) - {*trusted, *HARMLESS})
            if not unknown:
                content = io.loads(data, trusted=[*trusted, *HARMLESS])
        except Exception as error:  # the file may hold anything
            raise WeaklabError(
                f"{path} is no end model, or is damaged: {error}; wanted a file of EndModel.save"
            ) from None
        if unknown:
            raise WeaklabError(
                f"{path} holds types that are not trusted: {', '.join(unknown)}; if you know what they do, name them: "
                f"EndModel.load(path, trusted={unknown!r})"
            )
        if not isinstance(content, dict) or content.pop("weaklab_end_model", None) != FORMAT:
            raise WeaklabError(f"{path} is a skops file, but no end model of this version of weaklab")
        return cls(**content)

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


EXACT = {
    "gold_accuracy": "by gold",
    "gold_macro_f1": "macro F1 by gold",
    "test_accuracy": "on test records",
    "test_macro_f1": "macro F1 on test records",
}
"""Exact figures, and how they are called in the table."""


def named_estimator(name: str, texts: bool) -> Any:
    """Return an unfitted pipeline by name, for texts or for numeric columns.

    >>> [step for step, _ in named_estimator("logistic_regression", texts=True).steps]
    ['tfidfvectorizer', 'logisticregression']
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB, MultinomialNB
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if name not in ESTIMATORS:
        raise WeaklabError(
            f"no end model is called {name!r}; there are {', '.join(ESTIMATORS)}, and in Python any estimator of "
            "scikit-learn"
        )
    regression = LogisticRegression(C=10.0, max_iter=1000)
    if texts:
        last = regression if name == LOGISTIC_REGRESSION else MultinomialNB(alpha=0.1)
        return make_pipeline(TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2)), last)
    last = regression if name == LOGISTIC_REGRESSION else GaussianNB()
    return make_pipeline(SimpleImputer(), StandardScaler(), last)


def _cells(row: dict[str, Any]) -> list[Any]:
    return [*(_percent(row[name]) for name in ("accuracy", "accuracy_low", "accuracy_high")), row["n_audit"]]


def _percent(value: float | None) -> str:
    return "" if value is None or np.isnan(value) else f"{value:.1%}"


def _described(estimator: Any) -> str:
    steps = [step for _, step in getattr(estimator, "steps", [("", estimator)])]
    return ", ".join(type(step).__name__ for step in steps)


def check_file(path: str | Path) -> Path:
    """Return the path of a model file; raise a WeaklabError if it cannot be one, or if skops is missing."""
    path = Path(path)
    _skops()
    if path.suffix.lower() != SUFFIX:
        raise WeaklabError(
            f"an end model is a {SUFFIX} file, got {path.name!r}; pickles and joblib files are refused, because "
            "reading one runs the code in it"
        )
    return path


def _skops() -> Any:
    try:
        import skops.io
    except ImportError:
        raise WeaklabError(NO_SKOPS) from None
    return skops.io
