"""How long a person waits in a labeling session: for an answer to be stored, and for the next record.

``python -m benchmarks.session --records 100000 --answers 300`` generates a corpus, labels in one session as fast as
possible, with a Naive Bayes classifier that retrains every ten answers in the background, and prints medians, 95th
percentiles and maxima.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

import weaklab

WORDS = [f"word{i}" for i in range(4000)]


def made_up(n: int, seed: int = 0) -> list[str]:
    """Return n texts of twelve words; the first one tells the class in four of five."""
    rng = np.random.default_rng(seed)
    words = rng.integers(0, len(WORDS), (n, 11))
    first = np.where(rng.random(n) < 0.4, "prize", np.where(rng.random(n) < 0.66, "lunch", "hello"))
    return [
        f"{start} " + " ".join(WORDS[j] for j in row) for start, row in zip(first.tolist(), words.tolist(), strict=True)
    ]


def measure(records: int, answers: int, pause: float) -> dict[str, np.ndarray]:
    """Return seconds: of ``answer`` and of ``next``, each (answers,)."""
    with (
        tempfile.TemporaryDirectory() as folder,
        weaklab.Project(Path(folder) / "p", labels=["ham", "spam"], timeout=None) as project,
    ):
        project.add_records(made_up(records))
        project.add(weaklab.keywords("spam", ["prize"]))
        project.add(weaklab.keywords("ham", ["lunch"]))
        project.weak_classifier("naive_bayes", features="tfidf")
        project.run(progress=False)
        stored, waited = [], []
        with project.session("Ann") as session:
            for _ in range(answers):
                start = time.perf_counter()
                ask = session.next()
                shown = time.perf_counter()
                if ask is None:
                    break
                time.sleep(pause)
                label = "spam" if "prize" in ask.text else "ham"
                given = time.perf_counter()
                session.answer(ask, label)
                stored.append(time.perf_counter() - given)
                waited.append(shown - start)
        assert len(project.manual_labels()) == len(stored)
    return {"answer": np.array(stored), "next": np.array(waited)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--answers", type=int, default=300)
    parser.add_argument("--pause", type=float, default=0.2, help="seconds that the person looks at a record")
    options = parser.parse_args()
    found = measure(options.records, options.answers, options.pause)
    print(f"{options.records:,} records, {len(found['answer'])} answers, {options.pause} s a record; milliseconds")
    for name, seconds in found.items():
        low, high = np.percentile(seconds, [50, 95])
        print(
            f"{name:8s} median {low * 1000:8.2f}   95th percentile {high * 1000:8.2f}   maximum "
            f"{seconds.max() * 1000:8.2f}"
        )


if __name__ == "__main__":
    main()
