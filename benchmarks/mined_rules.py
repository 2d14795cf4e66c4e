"""Proposed rules that are accepted unread: what they do to accuracy, and whether another choice of them does better.

    python -m benchmarks.mined_rules --data DIR --sets youtube,sms,trec --seeds 5

The first 2,000 records of ``DIR/wrench/SET/train.json``; its weak labels and the default label model are the committee,
with 50 labels drawn at random. ``--functions 0.33`` takes a third of the functions, drawn by the seed, as in a project
that has just begun. Rules are proposed, and of these at most five are added at once:

- ``best``: all that are proposed, at most five
- ``three``: the first three
- ``sure``: those whose whole interval of the gain is above zero
- ``half``: all, each vote with a confidence of one half
- ``true``: those whose gold precision is above that of the committee on their records: what a person who reads them
  well would do

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

LABELS, ACCEPTED = 50, 5
MOST_RECORDS = 2_000
HALF = 0.5


@dataclass(frozen=True)
class World:
    """A committee with labels, and the rules that are proposed for it.

    Attributes
    ----------
    votes : on n records, as the label model is fitted with
    P : float (n, k), its probabilities
    y, gold : int (n,)
    rules, held : the rules, and the rows and label of each
    model : makes the label model
    """

    votes: Votes
    P: np.ndarray
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
                confidence[self.votes.L.shape[1] + place] = np.full(len(self.y), sure)
        L = np.column_stack([self.votes.L, *columns])
        votes = replace(self.votes, L=L, confidence=confidence, feature_proba=None, names=())
        return np.asarray(self.model().fit_predict_proba(votes, self.y))


def world(folder: Path, seed: int, share: float = 1.0) -> World:
    """Return a committee of a data set, of this share of its functions, with labels drawn at random."""
    found = load_wrench(folder)
    rows = found.corpus.take(np.arange(min(len(found.corpus), MOST_RECORDS))).to_pylist()
    with (
        tempfile.TemporaryDirectory() as place,
        wl.Project(place, labels=list(found.labels), timeout=None, seed=seed) as project,
    ):
        records = [{"id": row["id"], "text": row["text"], "weak_labels": row["weak_labels"]} for row in rows]
        project.add_records(records, id="id", text="text", quiet=True)
        for j in drawn(len(found.heuristics), share, seed):
            project.add(found.heuristics[j])
        gold = np.array([found.gold[i] for i in range(len(rows))])
        for ask in project.ask(LABELS, strategy="random"):
            project.label(ask, found.labels[int(gold[project.workspace.rows[ask.id]])])
        project.run(progress=False)
        rules = project.propose_rules(most=ACCEPTED)
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
        return World(votes, state.P, work.snapshot.y, gold, rules, held, model)


def drawn(count: int, share: float, seed: int) -> list[int]:
    """Return the numbers of the functions that a committee begins with, at least three."""
    if share >= 1:
        return list(range(count))
    chosen = np.random.default_rng(seed).choice(count, min(count, max(3, round(share * count))), replace=False)
    return sorted(chosen.tolist())


# ---- choices


def best(world: World) -> list[int]:
    """Return all rules."""
    return list(range(len(world.rules)))


def three(world: World) -> list[int]:
    """Return the first three rules."""
    return best(world)[:3]


def sure(world: World) -> list[int]:
    """Return the rules whose gain is above zero with all of its interval."""
    return [j for j, rule in enumerate(world.rules) if rule.gain_low > 0]


def true_ones(world: World) -> list[int]:
    """Return the first rules that are more often right than the committee is on their records."""
    now = world.P.argmax(axis=1)
    return [
        j
        for j, (rows, code) in enumerate(world.held)
        if (world.gold[rows] == code).mean() > (world.gold[rows] == now[rows]).mean()
    ]


CHOICES: dict[str, tuple[Callable[[World], list[int]], float | None]] = {
    "best": (best, None),
    "three": (three, None),
    "sure": (sure, None),
    "half": (best, HALF),
    "true": (true_ones, None),
}
"""Name -> the choice, and the confidence of each vote, None for plain ones."""


def differences(world: World, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return for each choice the points of accuracy that it adds, the number of rules, and their precisions."""
    before = world.accuracy(world.with_rules([]))
    found = {}
    for name in names:
        choose, confidence = CHOICES[name]
        chosen = choose(world)
        after = world.accuracy(world.with_rules(chosen, confidence)) if chosen else before
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
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--functions", type=float, default=1.0, help="share of the functions that the committee has")
    parser.add_argument("--choices", default=",".join(CHOICES))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    names = arguments.choices.split(",")
    found: dict[str, list[dict[str, dict[str, float]]]] = {}
    for name in arguments.sets.split(","):
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
            made = world(arguments.data / "wrench" / name, seed, arguments.functions)
            figures = differences(made, names)
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
