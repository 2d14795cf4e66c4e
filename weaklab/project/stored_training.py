"""What the committee said after a training, kept on disk so that the next process need not train for it."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.classifiers import WeakClassifier
from weaklab.core.faults import Fault
from weaklab.core.files import read_arrays, write_arrays
from weaklab.core.votes import Votes
from weaklab.features.combine import has_own_object
from weaklab.training.trainer import Opinion, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from weaklab.heuristics import Heuristic
    from weaklab.project.settings import Settings

LIBRARIES = ("numpy", "scipy", "scikit-learn", "pyarrow")
"""Their versions are part of the key: another one may calculate otherwise."""
SETTINGS = ("label_model", "pseudo_labels", "share_answers", "use_features", "timeout", "compile", "seed")
"""The settings that a training depends on, besides the committee itself."""
OWN = ("weaklab", "sklearn")
"""Packages whose version is known to the key; what others calculate is not kept."""


def training_key(
    records: str,
    labels: Sequence[str],
    members: Sequence[tuple[str, str]],
    settings: Settings,
    y: NDArray[np.int64],
    picked: NDArray[np.bool_],
) -> str:
    """Return a digest of all that a training without sentence vectors and records outside the corpus depends on.

    Parameters
    ----------
    records : names the imports and updates, and the records of them that are left
    labels : their names
    members : the name and the fingerprint of each, in the order of the committee
    settings : of the project
    y : int (n,), manual labels, -1 is unlabeled
    picked : bool (n,), records whose label was asked for because of what the committee said of them
    """
    chosen = {name: value for name, value in asdict(settings).items() if name in SETTINGS}
    facts = [*_program(), records, list(labels), list(members), chosen]
    found = hashlib.blake2b(json.dumps(facts).encode(), digest_size=16)
    for array in (y, picked):
        found.update(array.tobytes())
    return found.hexdigest()


@cache
def _program() -> tuple[str, ...]:
    """Return what tells this program from others: the code of weaklab as it stands on disk, and the libraries."""
    from importlib.metadata import version

    from weaklab import __version__

    root = Path(__file__).parents[1]
    code = hashlib.blake2b(__version__.encode(), digest_size=16)
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(name for name in names if name.endswith(".py")):
            found = os.stat(os.path.join(folder, name))
            code.update(f"{os.path.relpath(folder, root)}/{name} {found.st_size} {found.st_mtime_ns}\n".encode())
    versions = [f"{library} {version(library)}" for library in LIBRARIES]
    return (code.hexdigest(), platform.python_version(), platform.machine(), *versions)


def may_be_kept(heuristics: Sequence[Heuristic], state: State) -> bool:
    """Whether a key says all that a training depended on.

    Not with heuristics whose votes are not kept, classifiers that failed or are not our own, or another's label model.
    """
    if not all(h.keeps and not h.unseen for h in heuristics) or not _is_own(state.model):
        return False
    learners = {h.name: h for h in heuristics if isinstance(h, WeakClassifier)}
    if any(fault.heuristic in learners for fault in state.votes.faults):
        return False
    return all(
        isinstance(learner.estimator, str)
        and not has_own_object(learner.features)
        and _is_own(getattr(learner, "model_", None))
        for learner in learners.values()
    )


def _is_own(model: Any) -> bool:
    """Whether weaklab or scikit-learn calculates a model; Snorkel does not, though we have a class for it."""
    kind = type(model)
    return model is None or (kind.__module__.split(".")[0] in OWN and kind.__name__ != "SnorkelLabelModel")


def write_opinion(path: Path, key: str, said: Opinion) -> None:
    """Write what was said after the training with a key."""
    facts, arrays = _packed(said)
    write_arrays(path, {"key": key, **facts}, arrays)


def _packed(said: Opinion) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    votes = said.votes
    facts = {
        "names": list(votes.names),
        "faults": [fault.to_json() for fault in votes.faults],
        "calibrated": [int(column) for column in votes.calibrated],
    }
    arrays: dict[str, NDArray[Any]] = {"P": said.P, "L": votes.L}
    if votes.picked is not None:
        arrays["picked"] = votes.picked
    arrays |= {f"scores {j}": np.asarray(given) for j, given in votes.scores.items()}
    arrays |= {f"confidence {j}": np.asarray(given) for j, given in votes.confidence.items()}
    return facts, arrays


def read_opinion(path: Path, key: str, labels: Sequence[str], y: NDArray[np.int64]) -> Opinion | None:
    """Return what was said after the training with a key, on the labels ``y``; None where the file is of another one.

    Raises
    ------
    DamagedError, or an error of numpy
        The file is damaged.
    """
    facts, arrays = read_arrays(path)
    if facts["key"] != key:
        return None
    votes = Votes(
        arrays["L"],
        _by_column(arrays, "scores "),
        _by_column(arrays, "confidence "),
        names=facts["names"],
        labels=labels,
        faults=[Fault.from_json(fault) for fault in facts["faults"]],
        picked=arrays.get("picked"),
        calibrated=tuple(facts["calibrated"]),
    )
    return Opinion(votes, arrays["P"], y)


def _by_column(arrays: Mapping[str, NDArray[Any]], kind: str) -> dict[int, NDArray[Any]]:
    return {int(name.removeprefix(kind)): array for name, array in arrays.items() if name.startswith(kind)}
