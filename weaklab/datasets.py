"""Data to try weaklab on: the bundled headlines, and a reader for the WRENCH benchmark format."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import CorpusError
from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.corpus import Corpus
from weaklab.exchange import read
from weaklab.heuristics import ColumnVotes

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

HEADLINE_LABELS = ("clickbait", "news")


def load_headlines() -> pd.DataFrame:
    """Return 930 headlines written for this project: ``id``, ``text``, and ``gold``, which is clickbait or news.

    They are invented, and as messy as real ones: typing errors, left-over HTML, shouting, repeats with another ending.

    >>> load_headlines().columns.tolist()
    ['id', 'text', 'gold']
    """
    import pandas as pd

    return pd.read_csv(str(files("weaklab") / "data" / "headlines.csv"), dtype=str, keep_default_na=False)


def headline_functions() -> Path:
    """Return the file with the labeling functions for the headlines.

    >>> headline_functions().name
    'headlines.py'
    """
    inside = Path(str(files("weaklab"))) / "data" / "labeling_functions" / "headlines.py"
    return inside if inside.exists() else Path(str(files("weaklab"))).parent / "labeling_functions" / "headlines.py"


@dataclass
class WrenchSet:
    """One split of a data set in the WRENCH format.

    Attributes
    ----------
    corpus : the records, with ``gold`` and the column ``weak_labels``
    labels : label names, in the order of their codes
    gold : int (n,), the truth
    L : int8 (n, m), the votes that come with the set, -1 abstains
    heuristics : one for each column of ``L``, ready to be added to a committee or project
    """

    corpus: Corpus
    labels: LabelNames
    gold: NDArray[np.int64]
    L: NDArray[np.int8]
    heuristics: list[ColumnVotes]


def load_wrench(path: str | Path, split: str = "train") -> WrenchSet:
    """Read one split of a data set in the WRENCH format.

    Parameters
    ----------
    path : folder with ``label.json`` and ``<split>.json``
    split : ``train``, ``valid`` or ``test``

    Raises
    ------
    CorpusError
        A file is missing, or is not of this format.

    References
    ----------
    Zhang, Yu, Li, Wang, Yang, Yang and Ratner (2021), WRENCH: a comprehensive benchmark for weak supervision. NeurIPS.
    """
    import numpy as np

    folder = Path(path)
    names = _read_json(folder / "label.json")
    data = _read_json(folder / f"{split}.json")
    codes = sorted(names, key=int)
    labels = LabelNames([str(names[code]) for code in codes])
    rows: list[dict[str, Any]] = []
    given: list[list[int]] = []
    named = (
        {ABSTAIN: None, **dict(enumerate(labels))} if labels.are_numbers else None
    )  # else a code would be taken for a name
    for key, entry in data.items():
        try:
            content = dict(entry["data"])
            votes, label = [int(v) for v in entry["weak_labels"]], int(entry["label"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CorpusError(
                f"{folder / split}.json, record {key!r}: not in the WRENCH format: {type(error).__name__}: {error}"
            ) from None
        name = labels.name(label) if label != ABSTAIN else None
        given.append(votes)
        rows.append(
            {"id": key, **content, "weak_labels": [named[vote] for vote in votes] if named else votes, "gold": name}
        )
    if not rows:
        raise CorpusError(f"{folder / split}.json holds no record")
    widths = {len(row["weak_labels"]) for row in rows}
    if len(widths) > 1:
        raise CorpusError(
            f"{folder / split}.json: records have {min(widths)} to {max(widths)} weak labels; wanted one number for all"
        )
    corpus = read(rows, text="text" if "text" in rows[0] else (), id="id", gold="gold")
    gold = np.array([labels.code(row["gold"]) for row in rows], dtype=np.int64)
    L = np.array(given, dtype=np.int8)
    return WrenchSet(corpus, labels, gold, L, [ColumnVotes(f"lf_{j}", "weak_labels", j) for j in range(widths.pop())])


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CorpusError(
            f"{path}: no such file; wanted a folder with label.json, train.json, valid.json and test.json"
        ) from None
    except ValueError as error:
        raise CorpusError(f"{path}: not JSON: {error}") from None
    if not isinstance(data, dict):
        raise CorpusError(f"{path}: wanted a JSON object, got {type(data).__name__}")
    return data
