"""The reference: which names stand on which page, and the pages, whose text is in the docstrings."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import plain_docstrings

from weaklab.core.registry import Registry
from weaklab.project.project import Project


@dataclass(frozen=True)
class Topic:
    """One page of the reference.

    Attributes
    ----------
    file : name of the page
    title : its heading
    text : what stands above the names
    names : public names; those of classes bring their methods along, unless they are in ``bare``
    bare : classes whose methods are those of their base class
    """

    file: str
    title: str
    text: str
    names: tuple[str, ...]
    bare: tuple[str, ...] = field(default=())


def _all(package: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{package}.{name}" for name in names)


PLOTS = tuple(
    f"weaklab.report.plots.{name}" for name in vars(import_module("weaklab.report.plots")) if name.startswith("plot_")
)
TOPICS = [
    Topic(
        "session",
        "Session and table of records",
        "What ``project.session()``, ``project.records`` and ``project.label_set`` return.",
        (
            "weaklab.project.session.Session",
            "weaklab.project.records.RecordTable",
            "weaklab.project.label_changes.ProjectLabels",
        ),
    ),
    Topic(
        "results",
        "What calls of a project return",
        "Most of these are shown as a table, in a terminal and in a notebook, and have their figures as attributes.",
        (
            *_all("weaklab.project", "receipt.ImportReceipt", "summary.Summary", "corrections.RecordChange"),
            *_all("weaklab.project", "rule_changes.Accepted", "settings.Settings"),
            *_all("weaklab.scheduling.asks", "Asks", "Ask"),
            *_all("weaklab.core", "events.Event", "tables.Table"),
            *_all("weaklab.evaluation", "evaluation.Evaluation", "audit.Estimate", "forecast.Forecast"),
            *_all("weaklab.evaluation", "heuristic_analysis.HeuristicAnalysis", "label_quality.LabelQuality"),
            *_all("weaklab.evaluation", "precision.PrecisionLabels", "reliability.Reliability", "preview.Preview"),
            *_all("weaklab.evaluation.steps", "Disagreements", "Disagreement", "NextSteps", "Step"),
            *_all("weaklab", "crowd.agreement.Agreement", "training.explanations.Explanation"),
        ),
    ),
    Topic(
        "records",
        "Records and files",
        "Corpora, readers and writers, and the data that weaklab brings along.",
        (
            "weaklab.read",
            "weaklab.Corpus",
            *_all("weaklab.corpus", "Record", "Roles", "Columns", "ColumnError", "records", "record_id"),
            *_all("weaklab.exchange", "READERS", "WRITERS", "Reader", "Writer", "open_corpus", "write_table"),
            *_all(
                "weaklab.exchange.tools", "FORMATS", "Format", "Example", "Answer", "Hints", "Labeled", "LabeledBatch"
            ),
            *_all("weaklab.exchange.tools", "format_of", "recognised"),
            *_all("weaklab.datasets", "load_headlines", "headline_functions", "load_wrench", "WrenchSet"),
        ),
    ),
    Topic(
        "heuristics",
        "Labeling functions",
        "Functions, keywords, patterns and conditions that vote. "
        "How to: :doc:`write labeling functions </docs/how_to/labeling_functions>`.",
        (
            *_all("weaklab", "labeling_function", "keywords", "pattern", "where", "col", "amend"),
            *_all("weaklab.heuristics", "load", "as_heuristic", "check_examples", "HEURISTICS"),
            *_all("weaklab.heuristics", "Heuristic", "Ballot", "Watch", "LabelingFunction", "Keywords", "Pattern"),
            *_all("weaklab.heuristics", "Condition", "Expression", "ColumnVotes", "Amended", "SnorkelFunction"),
            "weaklab.heuristics.Loaded",
        ),
    ),
    Topic(
        "classifiers",
        "Weak classifiers",
        "Heuristics that learn from manual labels. "
        "How to: :doc:`add weak classifiers </docs/how_to/weak_classifiers>`.",
        ("weaklab.WeakClassifier", *_all("weaklab.classifiers", "CLASSIFIERS", "folds_of", "by_id")),
    ),
    Topic(
        "features",
        "Features",
        "What weak classifiers see of a record. Which to choose: :doc:`features </docs/features>`.",
        (
            *_all("weaklab.features", "features", "FEATURES", "Features", "Tfidf", "Hashing", "NumericColumns"),
            *_all("weaklab.features", "Sentence", "Word2Vec", "Doc2Vec", "FastText", "Combined", "Auto"),
            *_all("weaklab.features", "WithSentences", "Transformer", "feature_spec", "features_from_spec"),
            *_all("weaklab.features", "fit_cached", "transform_once", "sharing"),
            "weaklab.features.embeddings.embed",
            "weaklab.features.near_duplicates.near_duplicates",
        ),
        bare=_all("weaklab.features", "Tfidf", "Hashing", "NumericColumns", "Sentence", "Word2Vec", "Doc2Vec")
        + _all("weaklab.features", "FastText", "Combined", "Auto", "WithSentences", "Transformer"),
    ),
    Topic(
        "committee",
        "Committee and votes",
        "The heuristics that vote together, over records in memory and without a project.",
        (
            *_all("weaklab", "Committee", "Votes", "ABSTAIN"),
            "weaklab.core.labels.LabelNames",
            "weaklab.core.faults.Fault",
        ),
    ),
    Topic(
        "label_models",
        "Label models",
        "What turns votes into probabilities. Which to choose: :doc:`the guide </docs/guide>`.",
        (
            *_all("weaklab", "label_model", "confidence", "compare_label_models", "evaluation.compare.Comparison"),
            *_all("weaklab.label_models", "LABEL_MODELS", "LabelModel", "CommitteeModel", "MajorityVote"),
            *_all("weaklab.label_models", "CoverageVote", "WeightedVote", "DawidSkene", "OneCoin", "Glad"),
            *_all("weaklab.label_models", "HierarchicalDawidSkene", "TripletModel", "RefineryVote", "Crowdlab"),
            *_all("weaklab.label_models", "SnorkelLabelModel", "is_tied"),
        ),
        bare=_all("weaklab.label_models", "CommitteeModel", "MajorityVote", "CoverageVote", "WeightedVote")
        + _all("weaklab.label_models", "DawidSkene", "OneCoin", "Glad", "HierarchicalDawidSkene", "TripletModel")
        + _all("weaklab.label_models", "RefineryVote", "Crowdlab", "SnorkelLabelModel"),
    ),
    Topic(
        "strategies",
        "Query strategies",
        "Functions that score each record; the highest are asked about first. "
        "Formulas and costs: :doc:`query strategies </docs/strategies>`.",
        (
            *_all("weaklab.strategies", "STRATEGIES", "ARGUMENTS", "Strategy", "random", "margin", "entropy"),
            *_all("weaklab.strategies", "least_confidence", "vote_entropy", "kl_to_consensus", "max_disagreement"),
            *_all("weaklab.strategies", "shortlist_spread", "error_mass", "uncertainty_diversity", "badge"),
            *_all("weaklab.strategies", "density_weighted", "typicality", "cluster_representatives", "k_center"),
            *_all("weaklab.strategies", "kmeans_plus_plus", "exploration", "expected_error_reduction"),
            *_all("weaklab.strategies", "expected_gradient_length", "variance_reduction", "as_strategy"),
            *_all("weaklab.strategies", "from_modal", "is_modal", "call_strategy", "highest_rows", "in_turn"),
            *_all("weaklab.strategies", "in_drawn_order", "lowest_drawn", "of_few", "picks_by_opinion"),
            *_all("weaklab.strategies", "shortlist", "uniform"),
        ),
    ),
    Topic(
        "scheduling",
        "Scheduling",
        "Which records are asked about next, from a pool or a stream, and records made near the decision boundary.",
        ("weaklab.Scheduler", "weaklab.StreamSampler", "weaklab.scheduling.scheduler.Pick"),
    ),
    Topic(
        "simulation",
        "Simulation",
        "The labeling loop over arrays in memory, and what a strategy would have saved on records with known labels.",
        (
            *_all("weaklab", "Loop", "simulate", "replay"),
            *_all("weaklab.simulation", "simulated_runs.Simulation", "simulate.StrategyPlan"),
        ),
    ),
    Topic(
        "batch",
        "Large corpora and Spark",
        "A trained committee that no longer changes, and files of any size. "
        "How to use it: :doc:`large corpora </docs/large>`, :doc:`Spark </docs/spark>`.",
        (
            *_all("weaklab", "FrozenCommittee", "EndModel"),
            *_all("weaklab.batch", "label_files", "fit", "BatchSummary"),
            *_all("weaklab.batch.spark", "label", "vote", "faults", "label_files"),
        ),
    ),
    Topic(
        "crowd",
        "Crowds",
        "Labels that several people gave the same records.",
        ("weaklab.Crowd", *_all("weaklab.crowd", "annotator_quality", "annotators.CrowdVotes")),
    ),
    Topic(
        "rules",
        "Rules and repairs",
        "Labeling functions that are proposed from labels and records.",
        _all("weaklab.rules", "mine", "repairs_of", "Evidence", "Rule", "Rules", "Repair", "Repairs"),
    ),
    Topic(
        "plots",
        "Plots",
        "The plots of ``project.report()``, each alone.",
        PLOTS,
    ),
    Topic(
        "checks",
        "Checks",
        "What each pluggable part must pass; run them on your own. "
        "How to: :doc:`adding your own parts </docs/extending>`.",
        _all("weaklab.checks", "checks_of", "check_strategy", "check_label_model", "check_features")
        + _all("weaklab.checks", "check_classifier", "check_heuristic", "check_reader", "check_writer", "check_format")
        + _all("weaklab.checks", "planted_votes", "sample_pool", "ODD_TEXTS", "KINDS"),
    ),
    Topic(
        "errors",
        "Errors and warnings",
        "All errors of weaklab are of the class ``WeaklabError``. "
        "What leads to them: :doc:`what weaklab refuses </docs/refusals>`.",
        (
            *_all("weaklab", "WeaklabError", "WeaklabWarning"),
            *_all("weaklab.core.errors", "ProjectError", "CorpusError", "HeuristicError", "StorageError"),
            *_all("weaklab.core.errors", "UnknownLabelError", "UnknownNameError", "FaultWarning"),
        ),
    ),
]


MEMBERS = "   :members:\n   :inherited-members: BaseException,dict,tuple,list,int,str\n"

# ---- reStructuredText


def heading(text: str, sign: str = "=") -> str:
    """Return a heading with its line."""
    return f"{text}\n{sign * len(text)}\n"


def found(name: str) -> object:
    """Return what a dotted name stands for."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            value: object = import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            value = getattr(value, part)
        return value
    raise LookupError(name)


def summary_of(names: Iterable[str]) -> str:
    """Return a table of names with the first sentence of each; constants come with all of their text below it."""
    rows = [f"   * - :py:obj:`~{name}`\n     - {first_sentence(name)}" for name in names if not is_data(found(name))]
    return "\n".join([".. list-table::\n   :class: summary\n   :widths: auto\n", *rows]) + "\n" if rows else ""


def first_sentence(name: str) -> str:
    """Return the first sentence of a docstring."""
    text = " ".join((inspect.getdoc(found(name)) or "").split("\n\n")[0].split())
    sentence = re.split(r"(?<=[a-z0-9)`'\"][.:])\s+(?=[A-Z`])", text)[0]
    return plain_docstrings.short_names(sentence.removesuffix(":").removesuffix("."))


def entry(name: str, bare: bool = False) -> str:
    """Return the directive that writes the docstring of a name."""
    value = found(name)
    if is_data(value):
        return data_entry(name, value)
    if inspect.isclass(value):
        return f".. autoclass:: {name}\n" + ("" if bare else MEMBERS)
    return f".. autofunction:: {name}\n"


def is_data(value: object) -> bool:
    """Return whether a value is neither a class nor a function."""
    return not (inspect.isclass(value) or inspect.isroutine(value) or isinstance(value, property))


def data_entry(name: str, value: object) -> str:
    """Return the entry of a constant, a registry or a type: the text below it in its source, and what it holds."""
    text = inspect.cleandoc(text_below(*name.rsplit(".", 1)))
    if isinstance(value, Registry):
        text += "\n\nNames: " + ", ".join(f"``{part}``" for part in value.names()) + "."
    elif isinstance(value, dict) and all(isinstance(meaning, str) for meaning in value.values()):
        text += "\n\n" + "\n".join(f"``{key}``\n    {meaning}" for key, meaning in value.items())
    return f".. py:data:: {name}\n\n" + textwrap.indent(text, "   ") + "\n"


def text_below(module: str, name: str) -> str:
    """Return the string that stands below an assignment, in the module that makes it."""
    tree = ast.parse(Path(str(import_module(module).__file__)).with_suffix(source_suffix(module)).read_text("utf-8"))
    for node, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(node, ast.ImportFrom) and any((alias.asname or alias.name) == name for alias in node.names):
            return text_below(resolved(module, node), name)
        if name in assigned(node) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            return str(after.value.value)
    return ""


def source_suffix(module: str) -> str:
    """Return ".pyi" for the package itself, whose names stand in its stub, and ".py" for all others."""
    return ".pyi" if module == "weaklab" else ".py"


def resolved(module: str, node: ast.ImportFrom) -> str:
    """Return the module that an import takes from; the stub of the package imports relative to it."""
    return f"{module}.{node.module}" if node.level else str(node.module)


def assigned(node: ast.stmt) -> list[str]:
    """Return the names that a statement assigns."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def page(topic: Topic) -> str:
    """Return the page of a topic."""
    parts = [heading(topic.title), topic.text + "\n", summary_of(topic.names)]
    return "\n".join([*parts, *(entry(name, name in topic.bare) for name in topic.names)])


# ---- the project


def project_sections() -> Iterator[tuple[str, list[str]]]:
    """Yield the sections of the class Project, as comments in its source divide it, with the names in each."""
    source = inspect.getsource(Project)
    tree = ast.parse(source).body[0]
    assert isinstance(tree, ast.ClassDef)
    titles = {n: line.strip("# -") for n, line in enumerate(source.splitlines(), 1) if line.startswith("    # ---- ")}
    starts = [*titles, len(source.splitlines()) + 1]
    for start, end in pairwise(starts):
        yield titles[start], [name for line, name in _members(tree) if start < line < end and not name.startswith("_")]


def _members(tree: ast.ClassDef) -> Iterator[tuple[int, str]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.lineno, node.targets[0].id


def project_page() -> str:
    """Return the page of the class Project: by topic, as its source is."""
    parts = [heading("Project"), ".. currentmodule:: weaklab\n", ".. autoclass:: Project\n   :no-members:\n"]
    for title, names in project_sections():
        methods = [f"Project.{name}" for name in names]
        parts += [heading(title[:1].upper() + title[1:], "-"), summary_of(f"weaklab.{name}" for name in methods)]
        parts += [project_entry(name) for name in methods]
    return "\n".join(parts)


def project_entry(name: str) -> str:
    """Return the directive for one method or property of a project."""
    kind = "autoproperty" if isinstance(getattr(Project, name.split(".")[1]), property) else "automethod"
    return f".. {kind}:: {name}\n"


# ---- all pages


def write_reference(folder: Path) -> list[str]:
    """Write all pages into a folder and return their names, in their order."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {"project": project_page(), **{topic.file: page(topic) for topic in TOPICS if topic.names}}
    for name, text in pages.items():
        (folder / f"{name}.rst").write_text(text, encoding="utf-8")
    return list(pages)
