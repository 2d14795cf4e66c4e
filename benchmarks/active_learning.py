"""Accuracy of a committee against the number of labels, scheduled and in random order.

    python -m benchmarks.active_learning                          # the bundled headlines
    python -m benchmarks.active_learning --data DIR --json FILE   # and every folder of the WRENCH format under DIR with text

Accuracy is over all training records, manual labels counted as right; mean and standard deviation over seeds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from weaklab import Project, WeakClassifier
from weaklab.datasets import HEADLINE_LABELS, headline_functions, load_headlines, load_wrench
from weaklab.heuristics import load
from weaklab.scheduler import DEFAULT_STRATEGY
from weaklab.simulate import replay
from weaklab.strategies import STRATEGIES


def data_sets(data: Path | None, only: set[str] | None) -> Iterator[tuple[str, list[str], Any, dict[str, str], list[Any]]]:
    """Yield (name, labels, records, gold by id, heuristics)."""
    frame = load_headlines()
    if only is None or "headlines" in only:
        gold = dict(zip(frame["id"], frame["gold"], strict=True))
        yield "headlines", list(HEADLINE_LABELS), frame[["id", "text"]], gold, load(headline_functions()).heuristics
    for folder in sorted(data.glob("*/label.json")) if data else ():
        name = folder.parent.name
        if only is None or name in only:
            found = load_wrench(folder.parent)
            if found.corpus.roles.text:
                ids = [str(i) for i in found.corpus.ids.to_pylist()]
                yield (
                    name,
                    list(found.labels),
                    found.corpus,
                    dict(zip(ids, [found.labels[c] for c in found.gold], strict=True)),
                    found.heuristics,
                )


def curve(
    labels: list[str], records: Any, gold: dict[str, str], heuristics: list[Any], classifier: str, strategy: Any, seed: int, n: int
) -> dict[int, float]:
    """Replay one project and return labels -> accuracy."""
    with tempfile.TemporaryDirectory() as folder, Project(folder, labels=labels, timeout=0, seed=seed, retrain_every=0) as project:
        project.add_records(records)
        for heuristic in heuristics:
            project.add(heuristic)
        project.add(WeakClassifier(classifier, seed=seed))
        return {r.labels: r.accuracy for r in replay(project, gold, n, 10, strategy=strategy)}


def main() -> None:
    """Parse the arguments, run, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with one WRENCH data set a folder")
    parser.add_argument("--sets", help="only these, separated by commas")
    parser.add_argument("--strategies", help="separated by commas; by default the default mix and every one that has a name")
    parser.add_argument("--classifier", default="naive_bayes")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    arguments = parser.parse_args()
    names = arguments.strategies.split(",") if arguments.strategies else ["default", *STRATEGIES.names()]
    only = set(arguments.sets.split(",")) if arguments.sets else None
    steps = [n for n in (0, 10, 20, 50, 100, 200) if n <= arguments.labels]
    found: dict[str, Any] = {}
    for set_name, labels, records, gold, heuristics in data_sets(arguments.data, only):
        print(f"\n{set_name}: {len(gold):,} records, accuracy in % (deviation over {arguments.seeds} seeds)")
        print(f"{'strategy':<18}" + "".join(f"{f'N={n}':>14}" for n in steps), flush=True)
        for name in names:
            strategy = dict(DEFAULT_STRATEGY) if name == "default" else name
            curves = [
                curve(labels, records, gold, heuristics, arguments.classifier, strategy, seed, max(steps))
                for seed in range(arguments.seeds)
            ]
            values = {n: [c[n] for c in curves] for n in steps if all(n in c for c in curves)}
            found.setdefault(set_name, {})[name] = {n: {"mean": float(np.mean(v)), "sd": float(np.std(v))} for n, v in values.items()}
            print(f"{name:<18}" + "".join(f"{100 * np.mean(v):>8.1f} ({100 * np.std(v):>3.1f})" for v in values.values()), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
