"""Repairs of labeling functions with a planted fault: does the precision rise, and does the estimate say by how much?

    python -m benchmarks.repairs --data DIR                  # ten faults, 100 random labels, three seeds
    python -m benchmarks.repairs --data DIR --labels 50 --seeds 5 --faults game,net

DIR holds ``wrench/youtube``, ``wrench/sms`` and ``wrench/trec`` in the WRENCH format, whose weak labels are the rest
of the committee, and ``text/ag_news_test/test.csv`` and ``classes.txt``, for which it is four lists of words. Each
fault is one more function in a file of its own. The best repair that is proposed for it, one that does not retire it,
is accepted unread; the gold labels say what its precision was before and is after.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

import weaklab as wl
from weaklab.core.tables import Table
from weaklab.datasets import load_wrench
from weaklab.heuristics import Heuristic
from weaklab.rules.repair import RETIRE

MOST_RECORDS = 5_000
HEAD = "from weaklab import keywords, labeling_function, pattern\n\n\n"
TOPICS = {
    "World": ["minister", "troops", "election", "killed", "president", "palestinian", "u n"],
    "Sports": ["season", "coach", "olympic", "quarterback", "league", "inning", "goal"],
    "Business": ["shares", "profit", "quarter", "stocks", "earnings", "investors", "merger"],
    "Sci/Tech": ["software", "microsoft", "internet", "nasa", "users", "computer", "wireless"],
}


@dataclass(frozen=True)
class Fault:
    """A labeling function that is wrong in one way: the kind of fault, the data set, and its source below ``HEAD``."""

    kind: str
    data: str
    source: str


FAULTS = {
    "song": Fault(
        "too broad word", "youtube", 'song = keywords("SPAM", ["check", "subscribe", "song"], name="fault")\n'
    ),
    "like": Fault("too broad word", "youtube", 'like = pattern("SPAM", r"please|like", name="fault")\n'),
    "own": Fault("wrong class", "youtube", 'own = keywords("HAM", ["subscribe", "channel"], name="fault")\n'),
    "win": Fault("inside another word", "sms", 'win = pattern("spam", r"win", name="fault")\n'),
    "free": Fault("negated, or not an offer", "sms", 'free = keywords("spam", ["free"], name="fault")\n'),
    "call": Fault(
        "another sense",
        "sms",
        '@labeling_function(name="fault")\ndef call(x):\n    return "spam" if "call" in x.text.lower() else None\n',
    ),
    "how": Fault(
        "wrong class for a part",
        "trec",
        '@labeling_function(name="fault")\ndef how(x):\n    words = x.text.lower().split()\n'
        '    return "NUM" if "how" in words else None\n',
    ),
    "mean": Fault("too broad word", "trec", 'mean = keywords("ABBR", ["stand for", "mean"], name="fault")\n'),
    "game": Fault("another sense", "ag_news", 'game = pattern("Sports", r"\\bgame", name="fault")\n'),
    "net": Fault("inside another word", "ag_news", 'net = pattern("Sci/Tech", r"net", name="fault")\n'),
}


@dataclass(frozen=True)
class DataSet:
    """Records with gold labels, and the rest of the committee."""

    records: list[dict[str, object]]
    labels: Sequence[str]
    gold: Sequence[str]
    heuristics: Sequence[Heuristic]


def data_set(data: Path, name: str) -> DataSet:
    """Return one of the data sets under a folder."""
    if name == "ag_news":
        return _ag_news(data / "text" / "ag_news_test")
    found = load_wrench(data / "wrench" / name)
    table = found.corpus.take(np.arange(min(len(found.corpus), MOST_RECORDS)))
    records = [{"id": row["id"], "text": row["text"], "weak_labels": row["weak_labels"]} for row in table.to_pylist()]
    gold = [found.labels[code] for code in found.gold[: len(records)].tolist()]
    return DataSet(records, list(found.labels), gold, found.heuristics)


def _ag_news(folder: Path) -> DataSet:
    names = (folder / "classes.txt").read_text().split("\n")
    with (folder / "test.csv").open() as stream:
        rows = list(csv.reader(stream))[:MOST_RECORDS]
    records: list[dict[str, object]] = [{"id": str(i), "text": f"{row[1]}. {row[2]}"} for i, row in enumerate(rows)]
    heuristics = [wl.keywords(label, words, name=f"words_{i}") for i, (label, words) in enumerate(TOPICS.items())]
    return DataSet(records, list(TOPICS), [names[int(row[0]) - 1] for row in rows], heuristics)


@dataclass(frozen=True)
class Outcome:
    """What the best repair of one fault did: precision by gold and by estimate, and accuracy of the committee."""

    fault: str
    kind: str
    seed: int
    says: str
    before: float
    after: float
    estimated_before: float
    estimated_after: float
    low: float
    high: float
    accuracy_before: float
    accuracy_after: float
    estimated_gain: float
    seconds: float

    @property
    def risen(self) -> bool:
        """Whether the precision rose by half a point or more."""
        return self.after > self.before + 0.005


def outcome(data: DataSet, name: str, fault: Fault, labels: int, seed: int) -> Outcome:
    """Plant a fault, label records at random, and accept the best repair."""
    gold = np.array([data.labels.index(label) for label in data.gold])
    with (
        tempfile.TemporaryDirectory() as folder,
        wl.Project(folder, labels=data.labels, timeout=None, seed=seed) as project,
    ):
        project.add_records(data.records, id="id", text="text", quiet=True)
        for heuristic in data.heuristics:
            project.add(heuristic)
        file = Path(folder) / "labeling_functions" / "fault.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(HEAD + fault.source)
        project.reload()
        for ask in project.ask(labels, strategy="random"):
            project.label(ask, data.gold[project.workspace.rows[ask.id]])
        project.run(progress=False)
        before, accuracy = _figures(project, gold)
        started = time.perf_counter()
        repairs = [repair for repair in project.propose_repairs("fault") if repair.kind != RETIRE and repair.diff]
        seconds = time.perf_counter() - started
        if not repairs:
            none = (float("nan"),) * 5
            return Outcome(
                name, fault.kind, seed, "(none)", before, before, *none[:4], accuracy, accuracy, 0.0, seconds
            )
        best = repairs[0]
        project.accept_repair(best)
        project.run(progress=False)
        after, accuracy_after = _figures(project, gold)
        return Outcome(
            name, fault.kind, seed, best.says, before, after, best.before, best.after, best.after_low, best.after_high,
            accuracy, accuracy_after, best.gain, seconds,
        )  # fmt: skip


def _figures(project: wl.Project, gold: np.ndarray) -> tuple[float, float]:
    """Return the precision of the planted function and the accuracy on records without a manual label."""
    state = project.workspace.state()
    votes = state.votes.L[:, state.votes.names.index("fault")]
    free = project.workspace.snapshot.y < 0
    return float((votes == gold)[votes >= 0].mean()), float((state.P.argmax(axis=1) == gold)[free].mean())


def outcomes(data: Path, faults: Mapping[str, Fault], labels: int, seeds: int) -> Iterator[Outcome]:
    """Yield the outcome of every fault and seed."""
    sets: dict[str, DataSet] = {}
    for name, fault in faults.items():
        if fault.data not in sets:
            sets = {fault.data: data_set(data, fault.data)}
        for seed in range(seeds):
            yield outcome(sets[fault.data], name, fault, labels, seed)


def as_table(found: Sequence[Outcome], labels: int) -> Table:
    """Return one row for each fault: means over seeds."""
    rows = []
    for name in dict.fromkeys(each.fault for each in found):
        mine = [each for each in found if each.fault == name]
        mean = {key: float(np.mean([getattr(each, key) for each in mine])) for key in
                ("before", "after", "estimated_after", "accuracy_before", "accuracy_after", "seconds")}  # fmt: skip
        rows.append(
            [
                name, mine[0].kind, mine[0].says, f"{mean['before']:.3f}", f"{mean['after']:.3f}",
                f"{mean['estimated_after']:.3f}", f"{sum(each.risen for each in mine)} of {len(mine)}",
                f"{100 * (mean['accuracy_after'] - mean['accuracy_before']):+.2f}", f"{mean['seconds']:.1f}",
            ]
        )  # fmt: skip
    risen = sum(np.mean([each.risen for each in found if each.fault == row[0]]) > 0.5 for row in rows)
    inside = np.mean([each.low <= each.after <= each.high for each in found if each.low == each.low])
    columns = ["fault", "kind", "repair (first seed)", "precision", "after", "estimate", "risen", "accuracy", "s"]
    notes = [
        f"precision rises for {risen} of {len(rows)} faults; {inside:.0%} of the intervals hold the true precision"
    ]
    return Table(f"the best repair, accepted unread, {labels} random labels", columns, rows, notes)


def main() -> None:
    """Parse the arguments, run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with wrench/ and text/")
    parser.add_argument("--faults", help=f"separated by commas, by default all: {', '.join(FAULTS)}")
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="file for all outcomes")
    arguments = parser.parse_args()
    names = arguments.faults.split(",") if arguments.faults else list(FAULTS)
    found = []
    for each in outcomes(arguments.data, {name: FAULTS[name] for name in names}, arguments.labels, arguments.seeds):
        found.append(each)
        print(f"{each.fault} {each.seed}: {each.before:.3f} -> {each.after:.3f}  {each.says}", flush=True)
    print(as_table(found, arguments.labels))
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(each) for each in found], indent=1))


if __name__ == "__main__":
    main()
