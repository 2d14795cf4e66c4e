"""Do the settings of the default label model carry over to data that they were not chosen on?

    python -m benchmarks.defaults --data DIR --json FILE

Every ``DIR/votes/NAME.npz`` is left out in turn: the settings that are best on the mean of the others are measured on
it, beside those that ship. Settings: what agreement, conflict and exceptions add to a vote before there are labels, and
how strong the penalties are. Accuracy at 0, 20 and 100 random manual labels on the rows without one, ties in
expectation; best is the best mean over the three. A set leaves out the budgets that it has too few known labels for.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.label_models import data_sets, refuse_without_folder, write
from weaklab.core.errors import WeaklabError
from weaklab.core.labels import ABSTAIN
from weaklab.core.metrics import accuracy
from weaklab.core.tables import Table
from weaklab.label_models import CommitteeModel
from weaklab.label_models import vote_weights as voters

BUDGETS = (0, 20, 100)
BEFORE_LABELS = {
    "AGREEMENT": (0.0, 0.1, 0.2, 0.4),
    "CONFLICT": (0.0, 0.05, 0.1, 0.15, 0.2),
    "MOST_EXCEPTION": (0.0, 2.0, 5.0),
}
WITH_LABELS = {"vote_penalty": (0.5, 1.0, 2.0), "balance_penalty": (1.0, 3.0, 10.0), "few_labels": (20.0, 50.0, 100.0)}

Settings = Mapping[str, float]


def choices() -> Iterator[Settings]:
    """Yield the settings that ship, then each family varied with the other as it ships."""
    shipped = {
        **{name: getattr(voters, name) for name in BEFORE_LABELS},
        **{n: CommitteeModel().get_params()[n] for n in WITH_LABELS},
    }
    yield shipped
    for family in (BEFORE_LABELS, WITH_LABELS):
        for values in itertools.product(*family.values()):
            varied = {**shipped, **dict(zip(family, values, strict=True))}
            if varied != shipped:
                yield varied


@contextmanager
def model(settings: Settings, k: int) -> Iterator[CommitteeModel]:
    """Give the label model with some settings."""
    with patch.multiple(voters, **{name: settings[name] for name in BEFORE_LABELS}):
        yield CommitteeModel(n_classes=k, **{name: settings[name] for name in WITH_LABELS})


def measured(L: np.ndarray, y: np.ndarray, settings: Settings, seeds: int) -> list[float]:
    """Return the accuracy at each budget, NaN where there are too few labels for it."""
    k = max(2, int(max(L.max(), y.max())) + 1)
    known = np.flatnonzero(y != ABSTAIN)
    found = []
    for budget in BUDGETS:
        if budget >= len(known):
            found.append(float("nan"))
            continue
        figures = []
        for seed in range(seeds if budget else 1):
            given = np.full(len(y), ABSTAIN)
            drawn = np.random.default_rng(seed).permutation(known)[:budget]
            given[drawn] = y[drawn]
            with model(settings, k) as one:
                P = one.fit(L, given).predict_proba(L)
            rest = np.setdiff1d(known, drawn)
            figures.append(accuracy(P[rest], y[rest]))
        found.append(float(np.mean(figures)))
    return found


def compared(figures: Mapping[str, list[list[float]]], tried: list[Settings]) -> dict[str, Any]:
    """Return, for each set and on the mean, the figures as shipped and with the settings that are best on the
    others.
    """
    sets = {}
    for name, mine in figures.items():
        others = np.nanmean([figures[other] for other in figures if other != name], axis=(0, 2))
        best = int(np.argmax(others))
        sets[name] = {"shipped": _known(mine[0]), "left_out": _known(mine[best]), "chosen": tried[best]}
    return {"sets": sets, "mean": {key: _means([one[key] for one in sets.values()]) for key in ("shipped", "left_out")}}


def run(options: argparse.Namespace) -> None:
    """Measure all settings on every set, print a table and write the figures.

    Raises
    ------
    WeaklabError
        There are fewer than two sets with a known label, or one cannot be read.
    """
    sets = {name: read() for name, read in data_sets(options.data)["votes"].items()}
    for name in [name for name, given in sets.items() if not (given.y != ABSTAIN).any()]:
        print(f"{name}: left out, no row of it has a known label", file=sys.stderr, flush=True)
        del sets[name]
    if len(sets) < 2:
        raise WeaklabError(
            f"{options.data / 'votes'} holds {len(sets)} sets with known labels; wanted two or more, to leave one out"
        )
    tried = list(choices())
    figures: dict[str, list[list[float]]] = {}
    found: dict[str, Any] = {}
    for name, given in sets.items():
        figures[name] = [measured(given.L.astype(np.int8), given.y, settings, options.seeds) for settings in tried]
        short = [budget for budget, figure in zip(BUDGETS, figures[name][0], strict=True) if np.isnan(figure)]
        print(
            f"{name}: {len(tried)} settings{f', too few labels for N = {short}' if short else ''}",
            file=sys.stderr,
            flush=True,
        )
        if len(figures) > 1:
            found = compared(figures, tried)
            write(options.json, found)
    rows = []
    for name, one in found["sets"].items():
        changed = (
            ", ".join(f"{key} {value:g}" for key, value in one["chosen"].items() if value != tried[0][key])
            or "as shipped"
        )
        rows.append([name, *_percent(one["shipped"]), *_percent(one["left_out"]), changed])
    rows.append(["mean", *_percent(found["mean"]["shipped"]), *_percent(found["mean"]["left_out"]), ""])
    head = [
        "left out",
        *[f"shipped N={b}" for b in BUDGETS],
        *[f"chosen N={b}" for b in BUDGETS],
        "chosen on the others",
    ]
    print(Table(f"accuracy in %, {options.seeds} seeds", head, rows))


def main(arguments: list[str] | None = None) -> None:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with votes/*.npz")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="file for the figures, written after every set")
    options = parser.parse_args(arguments)
    refuse_without_folder(parser, options.json)
    if options.seeds < 1:
        parser.error("--seeds must be 1 or more")
    try:
        with threadpool_limits(1):
            run(options)
    except WeaklabError as error:
        parser.error(str(error))


def _known(values: list[float]) -> list[float | None]:
    return [None if np.isnan(value) else value for value in values]


def _means(rows: list[list[float | None]]) -> list[float | None]:
    """Return the mean at each budget over the sets that have it, None where none does."""
    columns = [[value for value in column if value is not None] for column in zip(*rows, strict=True)]
    return [float(np.mean(column)) if column else None for column in columns]


def _percent(values: list[float | None]) -> list[str]:
    return ["" if value is None else f"{100 * value:.1f}" for value in values]


if __name__ == "__main__":
    main()
