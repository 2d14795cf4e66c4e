"""Sets of long records, made of short texts, with noisy votes on most of them: in the WRENCH format.

    python -m benchmarks.long_texts --data DIR --into FOLDER     # FOLDER/wrench/<set>/{label,train,test}.json
    python -m benchmarks.committee --data FOLDER --json FILE     # what the committee makes of them

``DIR/text`` holds ``clickbait``, ``ag_news_test`` and ``banking77``. A record is several texts, one after another. Some
are of its class and the others of any class, so that much in a record speaks against its label, as in a long review.
Train and test records have no text in common. Half of the labeling functions vote as noisy people would (``drawn``: on
a share of the records, right with a chance that is their accuracy); the others look for words (``words``: those that
tell a class with about that accuracy). Some sets have one kind alone.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from weaklab.core.errors import did_you_mean
from weaklab.core.labels import ABSTAIN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Codes = NDArray[np.int64]

Texts = Mapping[str, Sequence[str]]
"""Class -> its texts."""
ACCURACY = (0.60, 0.75)
"""Labeling functions are right this often, from the worst to the best."""
TEST_SHARE = 0.2
MOST_COMMON = 0.5
"""A word in more than this share of the records makes no labeling function."""


@dataclass(frozen=True)
class LongTexts:
    """How a set is made.

    Attributes
    ----------
    source : ``clickbait``, ``ag_news_test`` or ``banking77``
    length : texts a record
    purity : chance that a text of a record is drawn from the texts of its class; others come from all texts
    functions : number of labeling functions
    kind : ``drawn``, ``words`` or ``both``
    coverage : share of the records that a drawn function votes on, and the words of one function are to be found in
    balance : shares of the classes; None for equal ones
    records : train records; a quarter of that are test records
    """

    source: str
    length: int
    purity: float
    functions: int
    kind: str
    coverage: float
    balance: tuple[float, ...] | None = None
    records: int = 4000


SETS = {
    "long_headlines": LongTexts("clickbait", 12, 0.35, 8, "both", 0.4),
    "long_headlines_words": LongTexts("clickbait", 12, 0.35, 8, "words", 0.4),
    "long_headlines_drawn": LongTexts("clickbait", 12, 0.35, 8, "drawn", 0.4),
    "long_headlines_rare": LongTexts("clickbait", 12, 0.35, 8, "both", 0.4, (0.8, 0.2)),
    "long_news": LongTexts("ag_news_test", 6, 0.35, 12, "both", 0.3),
    "long_questions": LongTexts("banking77", 10, 0.4, 18, "both", 0.25),
}


TOPICS = {
    "cards": ("card_", "_card", "virtual", "pin", "contactless"),
    "top-ups": ("top_up", "topping"),
    "transfers": ("transfer", "beneficiary", "receiving"),
    "cash": ("cash", "atm", "exchange"),
    "payments": ("payment", "refund", "direct_debit", "charged", "fee"),
    "account": ("identity", "age_limit", "passcode", "account", "details", "funds"),
}
"""Topic -> parts of the names of the questions of banking77 that belong to it."""


def load_texts(data: Path, source: str) -> Texts:
    """Return the texts of each class."""
    folder = data / "text" / source
    if source == "clickbait":
        return {kind: _lines(folder / f"{kind}_data.gz") for kind in ("clickbait", "non_clickbait")}
    if source == "ag_news_test":
        rows = _rows(folder / "test.csv")
        return _by_class((f"topic {kind}", f"{title}. {about}") for kind, title, about in rows)
    rows = [row for split in ("train", "test") for row in _rows(folder / f"{split}.csv")[1:]]
    return _by_class((topic, text) for text, kind in rows if (topic := _topic(kind)) is not None)


def _topic(intent: str) -> str | None:
    return next((topic for topic, parts in TOPICS.items() if any(part in intent for part in parts)), None)


def _lines(file: Path) -> list[str]:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [line.strip() for line in lines if line.strip()]


def _rows(file: Path) -> list[list[str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines))


def _by_class(pairs: Iterable[tuple[str, str]]) -> Texts:
    found: dict[str, list[str]] = {}
    for kind, text in pairs:
        found.setdefault(kind, []).append(text)
    return dict(sorted(found.items()))


def make(how: LongTexts, texts: Texts, seed: int = 0) -> tuple[list[str], dict[str, tuple[list[str], Codes, Codes]]]:
    """Return the names of the classes; and for train and test the records, their labels (n,) and votes (n, m)."""
    rng = np.random.default_rng(seed)
    names = list(texts)
    shuffled = [[texts[name][i] for i in rng.permutation(len(texts[name]))] for name in names]
    parts: dict[str, tuple[list[str], Codes]] = {}
    for split, n in (("train", how.records), ("test", how.records // 4)):
        own = [_share(kept, split) for kept in shuffled]
        y = rng.choice(len(names), n, p=how.balance)
        parts[split] = [_record(own, code, how, rng) for code in y.tolist()], y
    votes = {split: _votes(how, records, y, parts["train"], len(names), rng) for split, (records, y) in parts.items()}
    return names, {split: (*parts[split], votes[split]) for split in parts}


def _share(texts: Sequence[str], split: str) -> Sequence[str]:
    cut = round(len(texts) * (1 - TEST_SHARE))
    return texts[:cut] if split == "train" else texts[cut:]


def _record(texts: Sequence[Sequence[str]], code: int, how: LongTexts, rng: np.random.Generator) -> str:
    codes = np.where(rng.random(how.length) < how.purity, code, rng.integers(len(texts), size=how.length))
    return " ".join(texts[c][int(rng.integers(len(texts[c])))] for c in codes.tolist())


def _votes(
    how: LongTexts, records: Sequence[str], y: Codes, known: tuple[list[str], Codes], k: int, rng: np.random.Generator
) -> Codes:
    L = np.full((len(y), how.functions), ABSTAIN)
    aims = np.linspace(*ACCURACY, how.functions)[np.random.default_rng(1).permutation(how.functions)]
    words = range(how.functions if how.kind == "words" else how.functions // 2 if how.kind == "both" else 0)
    for j, aim in enumerate(aims.tolist()):
        code = j % k
        if j in words:
            L[_with_words(records, known, code, aim, how.coverage, j, k), j] = code
        else:
            votes = np.where(rng.random(len(y)) < aim, y, (y + rng.integers(1, k, len(y))) % k)
            L[:, j] = np.where(rng.random(len(y)) < how.coverage, votes, ABSTAIN)
    return L


def _with_words(
    records: Sequence[str], known: tuple[list[str], Codes], code: int, aim: float, coverage: float, j: int, k: int
) -> NDArray[np.bool_]:
    """Return whether each record has one of the words that tell a class with about this accuracy, bool (n,)."""
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer(binary=True, min_df=0.01, max_df=MOST_COMMON)
    B, y = counter.fit_transform(known[0]), known[1]
    there, right = (np.asarray(found.sum(axis=0)).ravel() for found in (B, B[y == code]))
    order = np.argsort(np.abs(right / there - aim) + 0.02 * np.random.default_rng(j).random(len(there)))
    chosen: list[int] = []
    covered = np.zeros(B.shape[0], dtype=bool)
    for word in order.tolist():
        chosen.append(word)
        covered |= B[:, [word]].toarray().ravel() > 0
        if covered.mean() >= coverage:
            break
    return np.asarray(counter.transform(records)[:, chosen].sum(axis=1)).ravel() > 0


def write(folder: Path, how: LongTexts, texts: Texts) -> None:
    """Write one set in the WRENCH format."""
    names, parts = make(how, texts)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "label.json").write_text(json.dumps(dict(enumerate(names))), encoding="utf-8")
    for split, (records, y, L) in parts.items():
        rows = zip(records, y.tolist(), L.tolist(), strict=True)
        data = {
            i: {"label": c, "weak_labels": votes, "data": {"text": text}} for i, (text, c, votes) in enumerate(rows)
        }
        (folder / f"{split}.json").write_text(json.dumps(data), encoding="utf-8")


def main(arguments: Iterable[str] | None = None) -> None:
    """Parse the arguments and write the sets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder whose folder text holds the short texts")
    parser.add_argument("--into", type=Path, required=True, help="folder to write to")
    parser.add_argument("--sets", default=",".join(SETS), help="only these, separated by commas")
    given = parser.parse_args(None if arguments is None else list(arguments))
    for name in given.sets.split(","):
        if name not in SETS:
            parser.error(f"--sets: no set {name!r};{did_you_mean(name, SETS)} there are {', '.join(SETS)}")
        source = SETS[name].source
        if not (given.data / "text" / source).is_dir():
            parser.error(f"--data {given.data}: there is no folder {given.data / 'text' / source}")
        write(given.into / "wrench" / name, SETS[name], load_texts(given.data, source))
        print(f"wrote {given.into / 'wrench' / name}", flush=True)


if __name__ == "__main__":
    main()
