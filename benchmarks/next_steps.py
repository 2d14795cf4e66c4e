"""A scripted user who follows ``weaklab next``, beside one who labels what the scheduler picks, at equal minutes.

    python -m benchmarks.next_steps --data DIR --sets youtube,sms,trec,semeval --seeds 5 --json FILE

The first 2,000 records of ``DIR/wrench/SET/train.json``, the default label model, and all functions of the set or a
share of them, drawn by the seed (``--functions 0.33``). All users begin with the same 24 labels, which the default
scheduler picks. Labels come from gold. A label takes 10 s, a rule or a repair 60 s:

- ``scheduler``: labels what the scheduler picks, twelve at a time
- ``next``: does the first step of :meth:`weaklab.Project.next_steps` that a script can do (all but ``write``) and for
  which there is time; after each step the committee is trained and the steps are made anew. A rule or repair is read:
  six records without a label are drawn from those on which the rule votes, or whose vote the repair changes. A rule is
  accepted if five of the six or more have its label by gold; a repair if the old vote is wrong on four or more and,
  where the repair votes another label, that one is right on four or more. What is refused has taken its 60 s and is not
  looked at again. The six are not kept as labels.
- ``unread``: the same, but every rule and repair is accepted. Where ``next`` refused nothing, both are the same run.

Figures are the share of right labels over all records, manual labels counted as right.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import weaklab as wl
from benchmarks.mined_rules import MOST_RECORDS, drawn
from weaklab.core.errors import WeaklabError
from weaklab.core.labels import ABSTAIN
from weaklab.core.tables import Table
from weaklab.datasets import load_wrench
from weaklab.evaluation.steps import LABEL, LABEL_SECONDS, REPAIR, RETIRE, RULE, Step
from weaklab.rules.repair import RETIRE as TAKEN_OUT
from weaklab.rules.repairing import changed_heuristic
from weaklab.scheduling.asks import Ask

FIRST, BATCH = 24, 12
USERS = ("scheduler", "next", "unread")
READ, RULE_RIGHT, REPAIR_WRONG = 6, 5, 4
STEPS_SEEN = 8


class User:
    """A scripted user of a project.

    Parameters
    ----------
    project : with records and functions
    truth : id -> label
    kind : one of ``USERS``
    minutes : of working time
    seed : of what is drawn to be read
    """

    def __init__(self, project: wl.Project, truth: dict[str, str], kind: str, minutes: float, seed: int) -> None:
        self.project, self.truth, self.kind, self.left = project, truth, kind, 60 * minutes
        self._budget = self.left
        self._draws = np.random.default_rng(seed)
        self._refused: set[str] = set()
        self.done: Counter[str] = Counter()
        self.waited: list[float] = []

    def work(self) -> list[tuple[float, float]]:
        """Work until the time is over; return (minutes, accuracy) after each step, from the beginning on."""
        self._label(self.project.ask(FIRST, lease=False), 0.0)
        found = [(0.0, self._accuracy())]
        while self.left >= LABEL_SECONDS:
            if self.kind == "scheduler" or not self._follow():
                self._label(self.project.ask(min(BATCH, int(self.left // LABEL_SECONDS)), lease=False))
            found.append(((self._budget - self.left) / 60, self._accuracy()))
        return found

    def _accuracy(self) -> float:
        self.project.run(progress=False)
        y, P = self.project.workspace.snapshot.y, self.project.workspace.state().P
        names = list(self.project.label_names)
        gold = np.array([names.index(self.truth[name]) for name in self.project.corpus.ids.to_pylist()])
        return float((np.where(y == ABSTAIN, P.argmax(axis=1), y) == gold).mean())

    def _label(self, asks: Sequence[Ask], seconds: float = LABEL_SECONDS) -> None:
        for ask in asks:
            self.project.label(ask, self.truth[ask.id])
        self.left -= seconds * len(asks)
        self.done["label"] += len(asks)

    def _follow(self) -> bool:
        """Do the first step that can be done; False where there is none."""
        start = time.process_time()
        steps = self.project.next_steps(STEPS_SEEN).steps
        self.waited.append(time.process_time() - start)
        acts = {LABEL: self._do_label, RULE: self._do_rule, REPAIR: self._do_repair, RETIRE: self._do_repair}
        return any(step.kind in acts and step.seconds <= self.left and acts[step.kind](step) for step in steps)

    def _do_label(self, step: Step) -> bool:
        count = round(step.seconds / LABEL_SECONDS)
        asks = self.project.ask(count, records=step.records or None, lease=False)
        self._label(asks)
        return bool(asks)

    # ---- rules and repairs

    def _do_rule(self, step: Step) -> bool:
        name = step.command.split()[-1]
        found = [rule for rule in self.project.propose_rules(most=10) if rule.name == name]
        if not found or name in self._refused:
            return False
        labels = self._read(self._voted(found[0].heuristic) != ABSTAIN)
        good = labels.count(found[0].label) >= min(RULE_RIGHT, len(labels))
        return self._decided(step, name, good, lambda: self.project.accept_rule(found[0]))

    def _do_repair(self, step: Step) -> bool:
        name = step.command.split()[-1]
        wanted = [each for each in self.project.propose_repairs(name, 3) if f": {each.says}" in step.says
                  or (each.kind == TAKEN_OUT and step.kind == RETIRE)]  # fmt: skip
        key = f"{name}: {step.says}"
        if not wanted or key in self._refused:
            return False
        repair = wanted[0]
        before = self._voted(self.project.committee[name])
        after = self._after(name, repair)
        labels = self._read(before != after)
        old, new = repair.change.label, repair.change.vote
        wrong = sum(label != old for label in labels) >= min(REPAIR_WRONG, len(labels))
        right = new is None or labels.count(new) >= min(REPAIR_WRONG, len(labels))
        return self._decided(step, key, wrong and right, lambda: self._accept(repair))

    def _after(self, name: str, repair: Any) -> np.ndarray:
        """Return the votes of a function after a repair."""
        if repair.kind == TAKEN_OUT:
            return np.full(len(self.truth), ABSTAIN)
        votes = self._voted(self.project.committee[name])
        single = len(np.unique(votes[votes != ABSTAIN])) == 1
        return self._voted(changed_heuristic(self.project.committee[name], repair.change, single))

    def _accept(self, repair: Any) -> None:
        if repair.kind == TAKEN_OUT:
            self.project.remove(repair.heuristic)
        else:
            self.project.accept_repair(repair)

    def _decided(self, step: Step, key: str, good: bool, accept: Callable[[], Any]) -> bool:
        """Accept a step or refuse it, which takes the same time; False where it cannot be done."""
        if good or self.kind == "unread":
            try:
                accept()
            except WeaklabError:
                self._refused.add(key)
                return False
            self.done[step.kind] += 1
        else:
            self.done[f"{step.kind} refused"] += 1
            self._refused.add(key)
        self.left -= step.seconds
        return True

    def _voted(self, heuristic: Any) -> np.ndarray:
        [batch] = self.project.corpus.take(np.arange(len(self.truth))).combine_chunks().to_batches()
        votes: np.ndarray = heuristic.evaluate(batch, self.project.label_names).votes
        return votes

    def _read(self, there: np.ndarray) -> list[str]:
        """Return the labels of records that a person looks at, drawn from some that have no label."""
        rows = np.flatnonzero(there & (self.project.workspace.snapshot.y == ABSTAIN))
        chosen = self._draws.choice(rows, min(READ, len(rows)), replace=False) if len(rows) else rows
        ids = self.project.corpus.ids.to_pylist()
        return [self.truth[ids[row]] for row in chosen.tolist()]


def run(folder: Path, seed: int, share: float, kind: str, minutes: float) -> dict[str, Any]:
    """Let one user work on a data set; return accuracy over time, what was done, and CPU seconds for the steps."""
    found = load_wrench(folder)
    rows = found.corpus.take(np.arange(min(len(found.corpus), MOST_RECORDS))).to_pylist()
    records = [{"id": row["id"], "text": row["text"], "weak_labels": row["weak_labels"]} for row in rows]
    truth = {str(row["id"]): found.labels[int(found.gold[i])] for i, row in enumerate(rows)}
    with (
        tempfile.TemporaryDirectory() as place,
        wl.Project(place, labels=list(found.labels), timeout=None, retrain_every=0, seed=seed) as project,
    ):
        project.add_records(records, id="id", text="text", quiet=True)
        for j in drawn(len(found.heuristics), share, seed):
            project.add(found.heuristics[j])
        user = User(project, truth, kind, minutes, seed)
        curve = user.work()
        return {"curve": curve, "done": dict(user.done), "cpu": user.waited}


def at(curve: Sequence[Sequence[float]], minute: float) -> float:
    """Return the accuracy at a time: that after the last step that was done by then.

    >>> at([(0.0, 0.8), (2.0, 0.9)], 1.5), at([(0.0, 0.8), (2.0, 0.9)], 2.0)
    (0.8, 0.9)
    """
    return [accuracy for when, accuracy in curve if when <= minute + 1e-9][-1]


def main() -> None:
    """Parse the arguments, run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with wrench/")
    parser.add_argument("--sets", default="youtube,sms,trec,semeval")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--functions", type=float, default=1.0, help="share of the functions at the beginning")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--users", default=",".join(USERS))
    parser.add_argument("--json", type=Path, help="results; runs that are in it are not done again")
    arguments = parser.parse_args()
    users = arguments.users.split(",")
    kept = arguments.json and arguments.json.exists()
    found: dict[str, dict[str, Any]] = json.loads(arguments.json.read_text()) if kept else {}
    names = arguments.sets.split(",")
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    for seed in seeds:
        for name in names:
            for kind in users:
                key = f"{name} {arguments.functions:g} {seed} {kind}"
                if key in found:
                    continue
                folder = arguments.data / "wrench" / name
                same = found.get(f"{name} {arguments.functions:g} {seed} next") if kind == "unread" else None
                if same is not None and not any("refused" in what for what in same["done"]):
                    made = found[key] = same
                else:
                    made = found[key] = run(folder, seed, arguments.functions, kind, arguments.minutes)
                if arguments.json:
                    arguments.json.write_text(json.dumps(found, indent=1))
                print(key, f"{made['curve'][0][1]:.4f} -> {made['curve'][-1][1]:.4f}", made["done"], flush=True)
    print(as_table(found, names, users, seeds, arguments.functions, arguments.minutes))


def as_table(
    found: dict[str, dict[str, Any]],
    names: Sequence[str],
    users: Sequence[str],
    seeds: Sequence[int],
    share: float,
    minutes: float,
) -> Table:
    """Return one row for each set and user: accuracy in % over the minutes, and the difference to the scheduler."""
    moments = [minutes * part for part in (0.2, 0.4, 0.6, 0.8, 1.0)]
    rows, cpu = [], [seconds for each in found.values() for seconds in each["cpu"]]
    for name in names:
        curves = {kind: [found[f"{name} {share:g} {seed} {kind}"]["curve"] for seed in seeds] for kind in users}
        for kind in users:
            means = [100 * np.mean([at(curve, moment) for curve in curves[kind]]) for moment in moments]
            base = curves.get("scheduler", curves[kind])
            ahead = [
                100 * np.mean([at(a, moment) - at(b, moment) for moment in moments])
                for a, b in zip(curves[kind], base, strict=True)
            ]
            error = np.std(ahead, ddof=1) / np.sqrt(len(ahead)) if len(ahead) > 1 else float("nan")
            begun = 100 * np.mean([curve[0][1] for curve in curves[kind]])
            cells = [f"{mean:.1f}" for mean in [begun, *means]]
            rows.append([name, kind, *cells, f"{np.mean(ahead):+.2f} ± {error:.2f}"])
    columns = ["set", "user", "0 min", *(f"{moment:g} min" for moment in moments), "ahead of the scheduler, mean"]
    title = f"accuracy in %, {len(seeds)} seeds, {share:.0%} of the functions"
    if cpu:
        title += f"; steps took {np.median(cpu):.1f} s of CPU in the median, {max(cpu):.1f} at most"
    return Table(title, columns, rows)


if __name__ == "__main__":
    main()
