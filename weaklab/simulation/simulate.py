"""Simulation of labeling: a person is replaced by gold labels, to measure projects and compare query strategies."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from weaklab.core.errors import ProjectError, UnknownLabelError, WeaklabError, warn
from weaklab.core.files import write_errors
from weaklab.core.label_reader import LabelReader
from weaklab.core.progress import ProgressBar
from weaklab.core.tables import Table, counted
from weaklab.corpus import record_id
from weaklab.evaluation.plots import NO_MATPLOTLIB, Curve, figure_bytes, learning_curves, write_figure
from weaklab.exchange.file_options import FileKeywords
from weaklab.heuristics.pickling import pickling_error
from weaklab.scheduling.scheduler import RANDOM, RANDOM_SHARE, Scheduler
from weaklab.voting.workers import run_tasks

if TYPE_CHECKING:
    import pandas as pd

    from weaklab.core.registry import Registry
    from weaklab.project.project import Project
    from weaklab.simulation.experiment import Experiment
    from weaklab.simulation.finished_runs import RunFile

DEFAULT = "default"
"""Name of the scheduler with its default settings, including the cold start."""
ALL = "all"
MOST_COLUMNS = 8
"""A table shows at most this many budgets."""
METRICS = {
    "accuracy": ("accuracy in %", True, True),
    "rest_accuracy": ("accuracy in % of the records without a manual label", True, True),
    "test_accuracy": ("accuracy in % on the records held out", True, True),
    "macro_f1": ("macro-F1 in %", True, True),
    "brier": ("Brier score of the records without a manual label", False, False),
    "seconds": ("seconds a turn", False, False),
}
"""Metric -> (description, whether it is shown as a percentage, whether higher is better)."""


@dataclass(frozen=True)
class Round:
    """Measures of a project after one batch of answers.

    Attributes
    ----------
    labels : number of manual labels so far
    accuracy : share of all records that are right, including manual labels; a tie of t classes counts 1 / t
    coverage : share of records with at least one vote
    mean_confidence : mean confidence, 0 to 1
    conflicts : number of records with contradicting votes
    """

    labels: int
    accuracy: float
    coverage: float
    mean_confidence: float
    conflicts: int


def replay(
    project: Project,
    gold: Mapping[str, str],
    n_labels: int = 60,
    batch: int = 10,
    *,
    strategy: Any = None,
    on_round: Callable[[Round], None] | None = None,
    map: Mapping[Any, Any] | None = None,
) -> list[Round]:
    """Answer the questions of a project with gold labels, batch by batch, and retrain after each batch.

    Parameters
    ----------
    project : a project with records and heuristics
    gold : record id -> label name, for every record
    n_labels : number of answers
    batch : number of questions per batch
    strategy : query strategy; by default that of the project
    on_round : function that is called after each batch
    map : value -> label name, for values of ``gold`` that are not label names, such as ``{"1": "spam", "0": "ham"}``

    Returns
    -------
    list of Round
        The first one is before any answer.

    Raises
    ------
    ProjectError
        A picked record has no gold label.
    UnknownLabelError
        A value of ``gold`` is not a label.
    """
    gold = gold_names(project, gold, map)
    rounds = [measure(project, gold)]
    if on_round:
        on_round(rounds[0])
    while rounds[-1].labels < n_labels:
        asks = project.ask(min(batch, n_labels - rounds[-1].labels), strategy=strategy)
        if not asks:
            break
        missing = next((ask.id for ask in asks if not gold.get(ask.id)), None)
        if missing is not None:
            raise ProjectError(f"record {missing!r} has no gold label, so the question cannot be answered")
        project.label_many([(ask, gold[ask.id]) for ask in asks], shown=False)
        project.run(progress=False)
        rounds.append(measure(project, gold))
        if on_round:
            on_round(rounds[-1])
    return rounds


def gold_names(project: Project, gold: Mapping[Any, Any], map: Mapping[Any, Any] | None = None) -> dict[str, str]:
    """Return record id -> label name, read as columns of ids and labels; records without a label are left out."""
    reader = LabelReader(project.label_names, map)
    found: dict[str, str] = {}
    for record, value in gold.items():
        try:
            name = project.label_names.name(reader.code(value))
        except UnknownLabelError as error:
            raise UnknownLabelError(f"gold of record {record!r}: {error}") from None
        if name is not None:
            found[record_id(record)] = name
    return found


def measure(project: Project, gold: Mapping[str, str]) -> Round:
    """Compare the labels of a project with the truth.

    ``gold`` maps record ids to label names; records without one are left out.
    """
    from weaklab.evaluation.analysis import expected_accuracy

    status = project.status()
    ids = [str(name) for name in project.corpus.ids.to_pylist()]
    known = gold_names(project, gold)
    y = [project.label_names.code(known.get(name)) for name in ids]
    return Round(
        status["manual_labels"],
        expected_accuracy(project.probabilities(), y),
        status["coverage"],
        status["mean_confidence"],
        status["conflicts"],
    )


@dataclass(frozen=True)
class Run:
    """One run of a simulation.

    Attributes
    ----------
    strategy : name of the strategy
    seed : seed of all random draws
    rounds : measures before and after each batch, see :func:`weaklab.simulation.experiment.measures`
    """

    strategy: str
    seed: int
    rounds: Sequence[Mapping[str, Any]]


@dataclass
class Simulation:
    """The result of :func:`simulate`.

    Attributes
    ----------
    name : name of the data
    n_records : number of records that could be asked about
    budgets : numbers of manual labels that the table compares
    runs : the runs, one per strategy and seed
    skipped : strategy -> reason why it could not be run
    """

    name: str
    n_records: int
    budgets: Sequence[int]
    runs: Sequence[Run]
    skipped: Mapping[str, str] = field(default_factory=dict)

    @property
    def strategies(self) -> list[str]:
        """Names of the strategies, in the order in which they were given."""
        return list(dict.fromkeys(run.strategy for run in self.runs))

    def to_pandas(self) -> pd.DataFrame:
        """Return one row for each strategy, seed and number of labels, with all measures."""
        import pandas as pd

        rows = [{"strategy": run.strategy, "seed": run.seed, **found} for run in self.runs for found in run.rounds]
        return pd.DataFrame(rows)

    def ranking(self, metric: str = "accuracy") -> list[str]:
        """Return the strategies, sorted by their mean over the budgets, best first."""
        sign = -1 if self._metric(metric)[2] else 1
        means = {name: _mean([_mean(values) for values in self._values(name, metric)]) for name in self.strategies}
        return sorted(means, key=lambda name: sign * means[name])

    def table(self, metric: str = "accuracy") -> Table:
        """Return a table of strategies by budgets: mean over the seeds ± standard error, best strategy first.

        The last column is the mean difference to ``random`` with the same seed, in the unit of the table. The last row
        is the committee without manual labels.

        Parameters
        ----------
        metric : ``accuracy``, ``rest_accuracy``, ``macro_f1``, ``brier``, ``seconds``, or ``test_accuracy`` if there
            are test records
        """
        what, percent, _ = self._metric(metric)
        shown = _spread_out(self.budgets, MOST_COLUMNS)
        compared = RANDOM in self.strategies and len(self.strategies) > 1
        several = len(self.budgets) > 1
        rows: list[list[Any]] = []
        for name in self.ranking(metric):
            values = self._values(name, metric)
            cells = [
                _cell(per_seed, percent)
                for budget, per_seed in zip(self.budgets, values, strict=True)
                if budget in shown
            ]
            per_seed = [_mean(of_seed) for of_seed in zip(*values, strict=True)]
            rows.append([name, *cells, *([_cell(per_seed, percent)] if several else [])])
            if compared:
                rows[-1].append(
                    None if name == RANDOM else _cell(self._beyond_random(name, metric), percent, signed=True)
                )
        start = _mean([run.rounds[0][metric] for run in self.runs])
        rows.append(["(no labels)", *[_cell([start], percent)] * (len(shown) + several), *([None] if compared else [])])
        seeds = len({run.seed for run in self.runs})
        spread = f", mean ± standard error of {seeds} seeds" if seeds > 1 else ", one seed"
        columns = [
            "strategy",
            *(f"N={budget:,}" for budget in shown),
            *(["mean"] if several else []),
            *(["vs random"] if compared else []),
        ]
        notes = (
            [f"the mean is over {len(self.budgets)} budgets, of which {len(shown)} are shown"]
            if len(shown) < len(self.budgets)
            else []
        )
        notes += [f"not run: {name}: {reason}" for name, reason in self.skipped.items()]
        return Table(f"{self.name}: {counted(self.n_records, 'record')}, {what}{spread}", columns, rows, notes)

    def _metric(self, metric: str) -> tuple[str, bool, bool]:
        known = [name for name in METRICS if name in self.runs[0].rounds[0]]
        if metric not in known:
            from weaklab.core.errors import did_you_mean

            raise WeaklabError(
                f"nothing measured is named {metric!r};{did_you_mean(metric, known)} there are {', '.join(known)}"
            )
        return METRICS[metric]

    def _values(self, strategy: str, metric: str) -> list[list[float]]:
        """Return one list per budget, with the values of all seeds."""
        runs = [run for run in self.runs if run.strategy == strategy]
        return [[_at(run, budget)[metric] for run in runs] for budget in self.budgets]

    def _beyond_random(self, strategy: str, metric: str) -> list[float]:
        """Return the mean difference to random over the budgets, by seed."""
        pairs = zip(self._values(strategy, metric), self._values(RANDOM, metric), strict=True)
        by_budget = [[a - b for a, b in zip(mine, its, strict=True)] for mine, its in pairs]
        return [_mean(of_seed) for of_seed in zip(*by_budget, strict=True)]

    def curves(self, strategies: Sequence[str] | None = None, metric: str = "accuracy") -> dict[str, Curve]:
        """Return the learning curve of each strategy, best first; percentages are from 0 to 100."""
        import numpy as np

        from weaklab.core.errors import did_you_mean

        for name in strategies or ():
            if name not in self.strategies:
                raise WeaklabError(
                    f"no runs of {name!r};{did_you_mean(name, self.strategies)} there are {', '.join(self.strategies)}"
                )
        scale = 100.0 if self._metric(metric)[1] else 1.0
        found = {}
        for name in self.ranking(metric):
            if strategies is None or name in strategies:
                runs = [run for run in self.runs if run.strategy == name]
                x = np.array([r["n_labels"] for r in runs[0].rounds], dtype=np.float64)
                found[name] = Curve(
                    x, scale * np.array([[r[metric] for r in run.rounds] for run in runs], dtype=np.float64)
                )
        return found

    def plot(
        self, path: str | Path | None = None, strategies: Sequence[str] | None = None, metric: str = "accuracy"
    ) -> Any:
        """Draw learning curves: the mean over the seeds, and a band of ± one standard deviation.

        Up to seven strategies in addition to ``random`` share one panel; more get a small panel each.

        Parameters
        ----------
        path : file to write, ``.png`` or ``.svg``; optional
        strategies : the strategies to draw, all by default; ``random`` is drawn grey and dashed
        metric : see :meth:`table`

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        WeaklabError
            matplotlib is not installed, or the path has another suffix.
        """
        what, percent, _ = self._metric(metric)
        seeds = len({run.seed for run in self.runs})
        spread = f"mean and standard deviation of {seeds} seeds" if seeds > 1 else "one seed"
        title = f"{self.name}: {counted(self.n_records, 'record')}, {spread}"
        figure = learning_curves(
            self.curves(strategies, metric), title=title, ylabel=what, baseline=RANDOM, most=100.0 if percent else None
        )
        if path is not None:
            write_figure(figure, path)
        return figure

    def save(self, folder: str | Path) -> list[Path]:
        """Write ``curves.csv``, ``table.txt`` and, with matplotlib, ``curves.png`` and ``.svg``; return the paths."""
        folder = Path(folder)
        written = [folder / "curves.csv", folder / "table.txt"]
        with write_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self.to_pandas().to_csv(written[0], index=False)
            written[1].write_text(f"{self.table()}\n", encoding="utf-8")
        try:
            figure = self.plot()
        except WeaklabError as error:
            if str(error) != NO_MATPLOTLIB:
                raise
            warn(str(error))
            return written
        return [*written, write_figure(figure, folder / "curves.png"), write_figure(figure, folder / "curves.svg")]

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        import base64

        table = self.table()
        try:
            picture = base64.b64encode(figure_bytes(self.plot(), "png")).decode()
        except WeaklabError as error:
            table.notes = [*table.notes, str(error)]
            return table._repr_html_()
        return (
            f'{table._repr_html_()}<img style="max-width:100%" alt="learning curves" '
            f'src="data:image/png;base64,{picture}">'
        )


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


def _at(run: Run, budget: int) -> Mapping[str, Any]:
    return next(found for found in run.rounds if found["n_labels"] == budget)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _spread_out(values: Sequence[int], n: int) -> list[int]:
    """Return at most n of the values, evenly spaced, including the last one.

    >>> _spread_out([10, 20, 30, 40, 50], 2)
    [20, 50]
    """
    if len(values) <= n:
        return list(values)
    return [values[math.floor((i + 1) * len(values) / n) - 1] for i in range(n)]


def _cell(values: Sequence[float], percent: bool, signed: bool = False) -> str:
    """Return the mean over the seeds and its standard error as text."""
    scale, digits = (100, 1) if percent else (1, 3)
    mean = _mean(values)
    text = f"{scale * mean:{'+' if signed else ''}.{digits}f}"
    if len(values) < 2:
        return text
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
    return f"{text} ± {scale * deviation / math.sqrt(len(values)):.{digits}f}"
