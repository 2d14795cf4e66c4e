"""How long a person waits in a labeling session: for an answer to be stored, and for the next record.

``python -m benchmarks.session --records 100000 --answers 300`` generates a corpus, labels in one session as fast as
possible, with a Naive Bayes classifier that retrains every ten answers in the background, and prints medians, 95th
percentiles and maxima.

``python -m benchmarks.session --records 1000000 --pace 6 --keep PROJECTS`` measures what the page does: sessions
that begin one after the other, and 6 answers a second in each, with a training after every ten answers. ``--keep``
builds the project once and uses a copy of it.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
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


def build(folder: Path, records: int) -> Path:
    """Return the folder of a project with a trained committee and a few labels, which is made if it is not there."""
    path = folder / f"session-{records}"
    if not path.exists():
        with weaklab.Project(folder / "unfinished", labels=["ham", "spam"], timeout=None) as project:
            project.add_records(made_up(records), quiet=True)
            project.add(weaklab.keywords("spam", ["prize"]))
            project.add(weaklab.keywords("ham", ["lunch"]))
            project.weak_classifier("naive_bayes", features="tfidf")
            project.label_many([(ask, answer(ask)) for ask in project.ask(40)])
            project.run(progress=False)
        (folder / "unfinished").rename(path)
    return path


def answer(ask: weaklab.scheduling.asks.Ask) -> str:
    """Return the label of a record."""
    return "spam" if "prize" in ask.text else "ham"


@contextmanager
def copied(path: Path) -> Iterator[weaklab.Project]:
    """Open a copy of a project, so that each measurement begins with the same labels."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(path, Path(folder) / "p")
        with weaklab.Project(Path(folder) / "p", timeout=None) as project:
            yield project


def measure_pace(path: Path, rate: float, seconds: float) -> list[tuple[str, float, str]]:
    """Return rows of name, value and unit: the first record of sessions, and exchanges at a pace, as on the page.

    Parameters
    ----------
    path : of a project
    rate : answers a second
    seconds : how long each session answers
    """
    rows = []
    with copied(path) as project:
        start = time.perf_counter()
        project.ask(1, lease=False)
        rows.append(("opening, once: votes, features, training", time.perf_counter() - start, "s"))
        for name in ("a session", "the next session"):
            start = time.perf_counter()
            session = project.session("Ann")
            session.ahead(20)
            rows.append((f"first record of {name}", time.perf_counter() - start, "s"))
            took, dry = _at_pace(session, rate, seconds)
            shares = (50, 95, 100)
            rows += [
                *((f"exchange, {share} % within", float(np.percentile(took, share)) * 1000, "ms") for share in shares),
                (f"answers at {rate:g} a second", len(took), ""),
                ("times that no record was there", dry, ""),
            ]
            # the next one begins while the training of this one goes on, as after a reload
            project.workspace.journal.release(session.id)
        trained = session.state()["training"]
        session.close()
        rows.append(("the last training in the background", trained.get("seconds", float("nan")), "s"))
    return rows


def _at_pace(session: weaklab.Session, rate: float, seconds: float) -> tuple[list[float], int]:
    """Answer at a pace; return how long each exchange took, and how often no record was there when it was due."""
    took, dry, begun = [], 0, time.perf_counter()
    for due in np.arange(0, seconds, 1 / rate):
        time.sleep(max(0.0, begun + due - time.perf_counter()))
        start = time.perf_counter()
        asks = session.ahead(24, patience=0)
        if not asks:
            dry += 1
            continue
        session.answer(asks[0], answer(asks[0]))
        session.state()
        took.append(time.perf_counter() - start)
    return took, dry


def measure(records: int, answers: int, pause: float) -> dict[str, np.ndarray]:
    """Return seconds: of ``answer`` and of ``next``, each (answers,)."""
    with (
        tempfile.TemporaryDirectory() as folder,
        weaklab.Project(build(Path(folder), records), timeout=None) as project,
    ):
        stored, waited = [], []
        with project.session("Ann") as session:
            for _ in range(answers):
                start = time.perf_counter()
                ask = session.next()
                shown = time.perf_counter()
                if ask is None:
                    break
                time.sleep(pause)
                label = answer(ask)
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
    parser.add_argument("--pace", type=float, metavar="N", help="answers a second, as the page gives them")
    parser.add_argument("--seconds", type=float, default=40, help="for --pace: how long each session answers")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="for --pace: folder for the project, built once")
    options = parser.parse_args()
    if options.pace:
        with tempfile.TemporaryDirectory() as temporary:
            path = build(options.keep or Path(temporary), options.records)
            print(f"{options.records:,} records")
            for name, value, unit in measure_pace(path, options.pace, options.seconds):
                print(f"{name:<44}{value:>10.2f} {unit}" if unit else f"{name:<44}{value:>10.0f}")
        return
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
