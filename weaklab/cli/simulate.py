"""``weaklab simulate``: compare query strategies on records with known labels."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from weaklab.core.errors import FaultWarning, WeaklabError
from weaklab.simulation.simulate import Simulation, simulate

SAMPLE = "headlines"
"""Name for the bundled headlines, if there is no file with this name."""


@contextlib.contextmanager
def printed_warnings(say: Any) -> Iterator[None]:
    """Context manager that prints every warning of weaklab immediately, in one line."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)

        def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
            say(f"{'fault' if issubclass(category, FaultWarning) else 'warning'}: {message}")

        warnings.showwarning = show
        yield


def run_simulation(
    data: str,
    *,
    gold: str | None,
    labels: str | None,
    lfs: Sequence[Path],
    classifiers: Sequence[str],
    label_model: str | None,
    budgets: str,
    run_code: bool = True,
    **settings: Any,
) -> Simulation:
    """Run a simulation on a file, a WRENCH folder, the bundled headlines, or a project with its committee."""
    from weaklab.project.settings import FILE

    names = [name.strip() for name in labels.split(",")] if labels else None
    learners = [] if list(classifiers) == ["none"] else list(classifiers) or ["auto"]
    settings |= {"budgets": _numbers(budgets), "gold": gold, "labels": names, "label_model": label_model or "committee"}
    if data == SAMPLE and not Path(data).exists():
        from weaklab.datasets import HEADLINE_LABELS, headline_functions, load_headlines

        settings |= {"gold": gold or "gold", "labels": names or HEADLINE_LABELS, "name": SAMPLE}
        return simulate(load_headlines(), heuristics=lfs or [headline_functions()], classifiers=learners, **settings)
    if (Path(data) / FILE).exists():
        return _of_project(Path(data), lfs, classifiers, label_model, settings, run_code)
    return simulate(data, heuristics=lfs, classifiers=learners, **settings)


def _of_project(
    folder: Path,
    lfs: Sequence[Path],
    classifiers: Sequence[str],
    label_model: str | None,
    settings: dict[str, Any],
    run_code: bool,
) -> Simulation:
    from weaklab.project.project import Project

    if lfs or classifiers or settings["labels"]:
        raise WeaklabError(
            f"{folder} is a project with labels and a committee of its own; leave out --labels, --lfs and --classifier"
        )
    with Project(folder, run_code=run_code) as held:
        for message in held.load_errors:
            warnings.warn(message, stacklevel=1)
        settings |= {
            "labels": held.label_names,
            "label_model": label_model or held.settings.label_model,
            "name": folder.name,
        }
        return simulate(held.corpus, heuristics=held.votes(), classifiers=held.committee.classifiers, **settings)


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise WeaklabError(f"--budget takes numbers of labels, such as 20,50,100, got {text!r}") from None
