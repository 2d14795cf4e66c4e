"""Simulating a person who labels, on data with known labels, to compare query strategies."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from weaklab.core.errors import WeaklabError, warn
from weaklab.core.progress import ProgressBar
from weaklab.core.tables import counted
from weaklab.exchange.file_options import FileKeywords
from weaklab.heuristics.pickling import pickling_error
from weaklab.scheduling.scheduler import RANDOM, RANDOM_SHARE, Scheduler
from weaklab.simulation.simulated_runs import Run, Simulation
from weaklab.voting.workers import run_tasks

if TYPE_CHECKING:
    from weaklab.core.registry import Registry
    from weaklab.simulation.experiment import Experiment
    from weaklab.simulation.finished_runs import RunFile

DEFAULT = "default"
"""Name of the scheduler with its default settings, including the cold start."""
ALL = "all"
"""Stands for the default and every registered strategy."""


def simulate(
    data: Any,
    *,
    gold: str | None = None,
    map: Mapping[Any, Any] | None = None,
    text: str | Sequence[str] | None = None,
    id: str | None = None,
    labels: Sequence[str] | None = None,
    heuristics: Any = (),
    classifiers: Sequence[Any] = ("auto",),
    features: Any = "auto",
    label_model: str = "committee",
    strategies: str | Sequence[Any] = (DEFAULT, RANDOM),
    budgets: Iterable[int] = (20, 50, 100, 200),
    batch: int = 10,
    seeds: int | Iterable[int] = 5,
    random_share: float | None = None,
    test: Any = None,
    jobs: int = 1,
    progress: bool = True,
    out: str | Path | None = None,
    name: str | None = None,
    **options: Unpack[FileKeywords],
) -> Simulation:
    """Simulate labeling of a data set with known labels, with several query strategies and seeds.

    Every run starts without labels. It asks for a batch, gets the gold labels, retrains and is measured, until the
    largest budget is spent. Votes and features are computed once. Unlike in a project, answers are not shared among
    near-duplicates.

    Parameters
    ----------
    data : anything that :func:`weaklab.read` reads, or a folder in the WRENCH format
        Of a WRENCH folder, the training split is the pool, and the weak labels are heuristics.
    gold : column with the true labels; not needed for a WRENCH folder, or for a corpus that was read with one
    map : value -> label name, for values of the gold column that are not label names, such as
        ``{"1": "spam", "0": "ham"}``
    text, id : columns, as in :func:`weaklab.read`
    labels : label names; by default those in the gold column, in alphabetical order
    heuristics : labeling functions, files or folders of them, or the :class:`~weaklab.core.votes.Votes` of a
        committee on these records, such as ``project.votes()``
    classifiers : names, unfitted scikit-learn classifiers or weak classifiers; ``()`` for none
    features : features of the classifiers that have none of their own
    label_model : name of the label model
    strategies : the strategies to compare
        ``"default"`` is ``Scheduler()`` with its default settings, including the cold start, as in a project. A name, a
        function or a mapping of name to weight is a scheduler with this strategy, with ``random_share`` and without
        cold start. ``"all"`` is the default and every registered strategy; those that cannot be run are left out, with
        a warning.
    budgets : numbers of labels to compare, multiples of ``batch``
    batch : number of questions between two trainings
    seeds : number of seeds, or a list of seeds, for scheduler and classifiers
    random_share : share of each batch that is drawn at random with a named strategy; by default that of the scheduler
    test : share of the records (a float) that is never asked about and only used for measuring, or other records in the
        format of ``data``; for a WRENCH folder also the name of a split
    jobs : number of processes; it has no effect on the result
    progress : whether to show a progress bar
    out : folder for finished runs; the same call continues after a stop, and seeds, strategies and budgets can be added
    name : name of the data in tables and plots; by default the name of the file or folder
    options : options for reading files, such as ``encoding`` and ``sep``; see :func:`weaklab.read`

    Returns
    -------
    Simulation

    Raises
    ------
    WeaklabError
        A column, a name, a budget or a gold label is wrong, a strategy cannot be run, or ``out`` contains runs of
        another experiment.

    Examples
    --------
    >>> words = (("win", "spam"), ("see", "ham"))
    >>> rows = [{"text": f"{word} {i}", "truth": label} for i in range(20) for word, label in words]
    >>> result = simulate(rows, gold="truth", budgets=[10, 20], seeds=2, progress=False)
    >>> result.strategies
    ['default', 'random']
    >>> result.to_pandas()["n_labels"].unique().tolist()
    [0, 10, 20]
    """
    from weaklab.simulation.experiment import prepare

    plans = _plans(strategies, random_share)
    numbers = _seeds(seeds)
    if batch < 1 or jobs < 1:
        raise WeaklabError(f"batch and jobs must be 1 or more, got {batch} and {jobs}")
    wanted = _budgets(budgets, batch)
    experiment = prepare(
        data,
        gold=gold,
        map=map,
        text=text,
        id=id,
        labels=labels,
        heuristics=heuristics,
        classifiers=classifiers,
        features=features,
        label_model=label_model,
        test=test,
        **options,
        progress=progress,
    )
    wanted = _within(wanted, len(experiment))
    kept = _run_file(out, experiment, batch)
    tasks = [(plan, seed) for seed in numbers for plan in plans]
    done = _known(kept, tasks, wanted[-1])
    missing = [task for task in tasks if task not in done]
    skipped: dict[str, str] = {}

    def keep(result: tuple[int, Any]) -> None:
        (plan, seed), rounds = missing[result[0]], result[1]
        if not isinstance(rounds, WeaklabError):
            done[plan, seed] = rounds
            if kept is not None:
                kept.append(plan.key(seed), rounds)
        elif strategies == ALL:
            skipped.setdefault(plan.name, str(rounds))
        else:
            raise rounds

    from threadpoolctl import threadpool_limits

    job, unstarted = _RunJob(experiment, wanted[-1], batch, missing), iter(range(len(missing)))
    turns = len(missing) * math.ceil(wanted[-1] / batch)
    # BLAS has one thread here as in the workers, so that the results are the same
    with ProgressBar(progress, turns, "simulating", "turns") as bar, threadpool_limits(1):
        run_tasks(
            job, lambda _: next(unstarted, None), keep, bar.update, min(jobs, len(missing)), advice="use fewer jobs"
        )
    for strategy, reason in skipped.items():
        warn(f"strategy {strategy!r} was not run: {reason}")
    if len(skipped) == len(plans):
        raise WeaklabError(f"no strategy could be run; the first: {next(iter(skipped.values()))}")
    runs = [Run(plan.name, seed, done[plan, seed]) for plan in plans for seed in numbers if plan.name not in skipped]
    return Simulation(name or experiment.name, len(experiment), wanted, runs, skipped)


@dataclass(frozen=True)
class StrategyPlan:
    """How a strategy is run: its name, the strategy, and the random share (None: scheduler with default settings)."""

    name: str
    strategy: Any = field(compare=False)
    random_share: float | None

    def scheduler(self, seed: int) -> Scheduler:
        """Return the scheduler for one run."""
        if self.random_share is None:
            return Scheduler(seed=seed)
        return Scheduler(self.strategy, random_share=self.random_share, cold_start=None, seed=seed)

    def key(self, seed: int) -> str:
        """Return a text that identifies a run inside the experiment."""
        from weaklab.heuristics import fingerprint

        settings = {name: value for name, value in vars(self.scheduler(seed)).items() if name != "seed"}
        return f"{self.name}, seed {seed}, {fingerprint.of_value(settings)}"


def _plans(strategies: str | Sequence[Any], random_share: float | None) -> list[StrategyPlan]:
    from weaklab.strategies import STRATEGIES

    if isinstance(strategies, str) and strategies == ALL:
        strategies = [DEFAULT, *STRATEGIES.names()]
    given = [strategies] if isinstance(strategies, (str, Mapping)) or callable(strategies) else list(strategies)
    share = RANDOM_SHARE if random_share is None else random_share
    plans = [StrategyPlan(_name_of(strategy), strategy, None if strategy == DEFAULT else share) for strategy in given]
    names = [plan.name for plan in plans]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if not plans or repeated is not None:
        raise WeaklabError(f"name at least one strategy, each once, got {names}; a function is called by its __name__")
    for plan in plans:
        plan.scheduler(0)
    return plans


def _name_of(strategy: Any) -> str:
    if isinstance(strategy, str):
        return strategy
    if isinstance(strategy, Mapping):
        return " + ".join(f"{weight:g} {name}" for name, weight in strategy.items())
    if callable(strategy):
        return str(getattr(strategy, "__name__", type(strategy).__name__))
    raise WeaklabError(f"a strategy is a name, a function or a mapping of name to weight, got {strategy!r}")


def _seeds(seeds: int | Iterable[int]) -> list[int]:
    found = list(range(seeds)) if isinstance(seeds, int) else [int(seed) for seed in seeds]
    if not found or len(set(found)) < len(found) or min(found) < 0:
        raise WeaklabError(f"seeds must be a number of seeds, 1 or more, or different numbers from 0, got {seeds!r}")
    return found


def _budgets(budgets: Iterable[int], batch: int) -> list[int]:
    found = sorted({int(budget) for budget in ([budgets] if isinstance(budgets, int) else budgets)} - {0})
    if not found or found[0] < 0:
        raise WeaklabError(f"budgets must be numbers of labels above 0, got {found}")
    odd = next((budget for budget in found if budget % batch), None)
    if odd is not None:
        raise WeaklabError(
            f"budget {odd} is no multiple of the batch of {batch}, after which runs are measured; choose another one, "
            f"or batch={math.gcd(*found)}"
        )
    return found


def _within(budgets: list[int], n: int) -> list[int]:
    found = [budget for budget in budgets if budget <= n]
    if not found:
        raise WeaklabError(
            f"the smallest budget is {counted(budgets[0], 'label')}, more than the {counted(n, 'record')} with a gold "
            "label; choose a smaller one"
        )
    if len(found) < len(budgets):
        warn(
            f"budgets above the {counted(n, 'record')} are left out: "
            f"{', '.join(f'{budget:,}' for budget in budgets[len(found) :])}"
        )
    return found


def _run_file(out: str | Path | None, experiment: Experiment, batch: int) -> RunFile | None:
    if out is None:
        return None
    from weaklab import __version__
    from weaklab.simulation.finished_runs import RunFile

    return RunFile(out, {**experiment.settings, "batch": batch, "weaklab": __version__})


def _known(
    kept: RunFile | None, tasks: Sequence[tuple[StrategyPlan, int]], n_labels: int
) -> dict[tuple[StrategyPlan, int], Sequence[Mapping[str, Any]]]:
    """Return the runs in the file that are long enough, cut to the largest budget."""
    stored = {} if kept is None else kept.read()
    found: dict[tuple[StrategyPlan, int], Sequence[Mapping[str, Any]]] = {}
    for plan, seed in tasks:
        rounds = stored.get(plan.key(seed), ())
        if rounds and rounds[-1]["n_labels"] >= n_labels:
            found[plan, seed] = [r for r in rounds if r["n_labels"] <= n_labels]
    return found


class _RunJob:
    """Does the runs of a simulation by number; a copy of it goes to every worker process.

    Parameters
    ----------
    tasks : (plan, seed) of every run
    """

    def __init__(
        self, experiment: Experiment, n_labels: int, batch: int, tasks: Sequence[tuple[StrategyPlan, int]]
    ) -> None:
        self._experiment, self._n_labels, self._batch, self._tasks = experiment, n_labels, batch, tasks
        # a worker does not import the user's main module, which may have registered parts by name
        self._registered = [
            (registry.kind, name, aliases, part)
            for registry in _registries()
            for name, aliases, part in registry.registered_outside()
            if pickling_error(part, ()) is None
        ]

    def start(self) -> None:
        """Register the user's parts in this process, and make the views before the clock of a turn starts."""
        registries = {registry.kind: registry for registry in _registries()}
        for kind, name, aliases, part in self._registered:
            registries[kind].register(part, name=name, aliases=aliases)
        self._experiment.views  # noqa: B018

    def run(self, number: int, progress: Callable[[int], None]) -> tuple[int, Any]:
        """Return the number of a run and its rounds, or the WeaklabError that ended it."""
        plan, seed = self._tasks[number]
        try:
            return number, self._experiment.run(
                plan.scheduler(seed), seed, self._n_labels, self._batch, lambda _: progress(1)
            )
        except WeaklabError as error:
            return number, error
        except Exception as error:
            error.add_note(f"in the simulation of strategy {plan.name!r} with seed {seed}")
            raise


def _registries() -> tuple[Registry[Any], ...]:
    from weaklab.classifiers.models import CLASSIFIERS
    from weaklab.features.base import FEATURES
    from weaklab.label_models.base import LABEL_MODELS
    from weaklab.strategies.base import STRATEGIES

    return CLASSIFIERS, FEATURES, LABEL_MODELS, STRATEGIES
