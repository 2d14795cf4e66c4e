"""Proposed rules that are accepted unread: what they do to accuracy, and whether another choice of them does better.

    python -m benchmarks.mined_rules --data DIR --sets youtube,sms,trec --seeds 5

The first 2,000 records of ``DIR/wrench/SET/train.json``; its weak labels and the default label model are the committee,
with 50 labels drawn at random. Twenty rules are proposed, and of these at most five are added at once:

- ``best``: the first five, as ``propose_rules`` has them
- ``sure``: the first five whose whole interval of the gain is above zero
- ``firm``: the first five by a gain for which the precision is drawn harder towards what the committee expects: it
  counts like fifty labels, not at most ten
- ``new``: the first five whose label the classifier would not give to most of their records anyway
- ``weak``: the first five, each vote with the low end of its precision as confidence
- ``true``: the first five whose gold precision is above that of the committee on their records: what a person who reads
  them well would do

Figures are points of accuracy on records without a label, against the committee as it was, on gold labels.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import weaklab as wl
from weaklab.core.labels import ABSTAIN
from weaklab.core.tables import Table
from weaklab.core.votes import Votes
from weaklab.datasets import load_wrench
from weaklab.rules import Rule
from weaklab.rules.gain import Gains

LABELS, PROPOSED, ACCEPTED = 50, 20, 5
MOST_RECORDS = 2_000
FIRM = 50


@dataclass(frozen=True)
class World:
    """A committee with labels, and the rules that are proposed for it.

    Attributes
    ----------
    votes : on n records, as the label model is fitted with
    P : float (n, k), its probabilities; classifier : those of its own classifier, or None
    y, gold : int (n,)
    rules, held : the rules, and the rows and label of each
    model : makes the label model
    """

    votes: Votes
    P: np.ndarray
    classifier: np.ndarray | None
    y: np.ndarray
    gold: np.ndarray
    rules: Sequence[Rule]
    held: Sequence[tuple[np.ndarray, int]]
    model: Callable[[], Any]

    def accuracy(self, P: np.ndarray) -> float:
        """Return the share of right labels among records without a manual one."""
        free = self.y == ABSTAIN
        return float((P.argmax(axis=1) == self.gold)[free].mean())

    def with_rules(self, chosen: Sequence[int], sure: float | None = None) -> np.ndarray:
        """Return the probabilities of the committee with some of the rules."""
        columns, confidence = [], dict(self.votes.confidence)
        for place, j in enumerate(chosen):
            rows, code = self.held[j]
            column = np.full(len(self.y), ABSTAIN, dtype=np.int8)
            column[rows] = code
            columns.append(column)
            if sure is not None:
                confidence[self.votes.L.shape[1] + place] = np.full(len(self.y), max(self.rules[j].precision_low, 0.01))
        L = np.column_stack([self.votes.L, *columns])
        votes = replace(self.votes, L=L, confidence=confidence, feature_proba=None, names=())
        return np.asarray(self.model().fit_predict_proba(votes, self.y))


def world(folder: Path, seed: int) -> World:
    """Return a committee of a data set with labels drawn at random."""
    found = load_wrench(folder)
    rows = found.corpus.take(np.arange(min(len(found.corpus), MOST_RECORDS))).to_pylist()
    with (
        tempfile.TemporaryDirectory() as place,
        wl.Project(place, labels=list(found.labels), timeout=None, seed=seed) as project,
    ):
        records = [{"id": row["id"], "text": row["text"], "weak_labels": row["weak_labels"]} for row in rows]
        project.add_records(records, id="id", text="text", quiet=True)
        for heuristic in found.heuristics:
            project.add(heuristic)
        gold = np.array([found.gold[i] for i in range(len(rows))])
        for ask in project.ask(LABELS, strategy="random"):
            project.label(ask, found.labels[int(gold[project.workspace.rows[ask.id]])])
        project.run(progress=False)
        rules = project.propose_rules(most=PROPOSED)
        state, work = project.workspace.state(), project.workspace
        [batch] = work.corpus.take(np.arange(len(rows))).combine_chunks().to_batches()
        held = []
        for rule in rules:
            votes = rule.heuristic.evaluate(batch, work.label_names).votes
            held.append((np.flatnonzero(votes != ABSTAIN), work.label_names.code(rule.label)))

        def model() -> Any:
            made = wl.label_model(work.settings.label_model)
            made.n_classes = len(work.label_names)
            return made

        votes = replace(state.votes, features=work.cache.views.learnable())  # as the committee is trained
        return World(votes, state.P, state.feature_proba, work.snapshot.y, gold, rules, held, model)


# ---- choices


def best(world: World) -> list[int]:
    """Return the first rules."""
    return list(range(min(ACCEPTED, len(world.rules))))


def sure(world: World) -> list[int]:
    """Return the first rules whose gain is above zero with all of its interval."""
    return [j for j, rule in enumerate(world.rules) if rule.gain_low > 0][:ACCEPTED]


def firm(world: World) -> list[int]:
    """Return the rules of the highest gain above zero, with a precision that few labels hardly move."""
    votes = replace(world.votes, features=None, feature_proba=world.classifier)
    gains = Gains(votes, world.P, world.y, world.model)
    scored = []
    for j, rule in enumerate(world.rules):
        rows, code = world.held[j]
        free = rows[world.y[rows] == ABSTAIN]
        expected = float(world.P[free, code].mean()) if len(free) else 0.5
        precision = (rule.right + FIRM * expected) / (rule.judged + FIRM)
        scored.append((gains.of(rows.astype(np.int32), code, (precision,) * 3).mean, j))
    return [j for gain, j in sorted(scored, reverse=True) if gain > 0][:ACCEPTED]


def new_ones(world: World) -> list[int]:
    """Return the first rules that the classifier does not say anyway."""
    if world.classifier is None:
        return best(world)
    said = world.classifier.argmax(axis=1)
    return [j for j, (rows, code) in enumerate(world.held) if (said[rows] == code).mean() < 0.5][:ACCEPTED]


def true_ones(world: World) -> list[int]:
    """Return the first rules that are more often right than the committee is on their records."""
    now = world.P.argmax(axis=1)
    better = [
        j
        for j, (rows, code) in enumerate(world.held)
        if (world.gold[rows] == code).mean() > (world.gold[rows] == now[rows]).mean()
    ]
    return better[:ACCEPTED]


CHOICES: dict[str, tuple[Callable[[World], list[int]], bool]] = {
    "best": (best, False),
    "sure": (sure, False),
    "firm": (firm, False),
    "new": (new_ones, False),
    "weak": (best, True),
    "true": (true_ones, False),
}
"""Name -> the choice, and whether the votes have a confidence."""


def differences(world: World, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return for each choice the points of accuracy that it adds, the number of rules, and their precisions."""
    before = world.accuracy(world.with_rules([]))
    found = {}
    for name in names:
        choose, weak = CHOICES[name]
        chosen = choose(world)
        after = world.accuracy(world.with_rules(chosen, sure=1.0 if weak else None)) if chosen else before
        truth = [float((world.gold[world.held[j][0]] == world.held[j][1]).mean()) for j in chosen]
        said = [world.rules[j].precision for j in chosen]
        found[name] = {
            "points": 100 * (after - before),
            "rules": len(chosen),
            "precision": float(np.mean(truth)) if truth else float("nan"),
            "estimate": float(np.mean(said)) if said else float("nan"),
            "gain": 100 * sum(world.rules[j].gain for j in chosen),
            "before": before,
        }
    return found


def main() -> None:
    """Parse the arguments, run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with wrench/")
    parser.add_argument("--sets", default="youtube,sms,trec")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--choices", default=",".join(CHOICES))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    names = arguments.choices.split(",")
    found: dict[str, list[dict[str, dict[str, float]]]] = {}
    for name in arguments.sets.split(","):
        for seed in range(arguments.seeds):
            figures = differences(world(arguments.data / "wrench" / name, seed), names)
            found.setdefault(name, []).append(figures)
            print(name, seed, {key: round(each["points"], 2) for key, each in figures.items()}, flush=True)
            if arguments.json:
                arguments.json.write_text(json.dumps(found, indent=1))
    print(as_table(found, names))


def as_table(found: dict[str, list[dict[str, dict[str, float]]]], names: Sequence[str]) -> Table:
    """Return one row for each choice: means over seeds, points of accuracy on each set."""
    rows = []
    for name in names:
        row: list[Any] = [name]
        for runs in found.values():
            points = [run[name]["points"] for run in runs]
            error = np.std(points, ddof=1) / np.sqrt(len(points)) if len(points) > 1 else float("nan")
            rules = np.mean([run[name]["rules"] for run in runs])
            row.append(f"{np.mean(points):+.2f} ± {error:.2f} ({rules:.1f})")
        rows.append(row)
    return Table("points of accuracy, standard error (rules accepted)", ["choice", *found], rows)


if __name__ == "__main__":
    main()
