"""Opening a project folder: its settings, its labels, and imports that its journal does not know."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from weaklab.core.errors import ProjectError, WeaklabError, warn
from weaklab.core.files import replacing, write_errors
from weaklab.core.labels import LabelNames
from weaklab.core.tables import clean
from weaklab.project.database import DATABASE, known_labels
from weaklab.project.encoding import sentence_features
from weaklab.project.label_changes import settle_labels
from weaklab.project.settings import FILE, Settings, make_settings, read_settings, write_settings
from weaklab.project.sqlite_journal import SqliteJournal
from weaklab.project.stored_members import classifier_from_setting
from weaklab.project.workspace import Workspace


def opened(
    path: Path, labels: Sequence[str] | None, annotator: str | None, run_code: bool, given: Mapping[str, Any]
) -> Workspace:
    """Open a project folder, or make it; parameters as for :class:`weaklab.Project`."""
    settings = opened_settings(path, labels, given)
    journal = SqliteJournal(path)
    annotator = annotator or _user()
    settle_labels(path, settings, journal, annotator)
    if labels is not None and list(LabelNames(labels)) != settings.labels:
        journal.close()
        raise ProjectError(
            f"{path} has the labels {settings.labels}, got {list(labels)}; open it without labels, or choose another "
            "folder"
        )
    work = Workspace(path, settings, journal, annotator, run_code)
    _warn_of_unknown_imports(work)
    return work


def opened_settings(path: Path, labels: Sequence[str] | None, given: Mapping[str, Any]) -> Settings:
    """Return the settings of a project, made from ``labels`` and ``given`` where the folder is none yet.

    Raises
    ------
    ProjectError
        There is no project and no labels are given, or the labels differ from those of the project.
    """
    file = path / FILE
    if not file.exists() and (path / DATABASE).exists():
        raise ProjectError(
            f"{file}: is not there, and {path / DATABASE} is; put a backup in its place, or write a new one "
            "with "
            f"labels = {json.dumps(known_labels(path))}, and the other settings if they were not the default "
            "ones"
        )
    if file.exists():
        held = read_settings(path)
        settings = make_settings({**held, **given}, str(file))
        _check_names(settings, str(file))
        return settings
    if labels is None:
        raise ProjectError(
            f"{path}: no weaklab project here; make one with Project({str(path)!r}, labels=[...]) or `weaklab init`"
        )
    settings = make_settings(
        {"labels": labels if isinstance(labels, (str, bytes, set)) else list(labels), **given}, "new project"
    )
    _check_names(settings, "new project")
    if settings.encoder:
        _ = sentence_features(settings.encoder).encoder  # an error now, before there is a project
    if path.exists() and not path.is_dir():
        raise ProjectError(f"{path} is a file; wanted a folder for the project")
    with write_errors(path):
        path.mkdir(parents=True, exist_ok=True)
        (path / "labeling_functions").mkdir(exist_ok=True)
    with replacing(file) as temporary:
        write_settings(settings, temporary)
    return settings


def _warn_of_unknown_imports(work: Workspace) -> None:
    """Name the imports that stand in the folder and not in the database."""
    for found in work.files.unknown_imports():
        warn(
            f"{work.path / DATABASE} does not know the import {found}: an older database was put back, or the "
            "import was stopped "
            f"at its very end. Take it in with project.adopt({found.folder.name!r}) (`weaklab adopt {work.path}`), "
            f"or move {found.folder} away"
        )


def _check_names(settings: Settings, where: str) -> None:
    """Raise a ProjectError if a setting names a part that is not there."""
    from weaklab.scheduling.scheduler import Scheduler

    try:
        if settings.label_model != Settings.label_model:  # looking for the default one would load them all
            from weaklab.label_models import LABEL_MODELS

            LABEL_MODELS[settings.label_model]
        Scheduler(settings.strategy, random_share=settings.random_share, cold_start=settings.cold_start or None)
        for entry in settings.weak_classifiers:
            classifier_from_setting(entry)
    except (WeaklabError, TypeError, AttributeError) as error:
        raise ProjectError(f"{where}: {error}") from None


def _user() -> str:
    try:
        return clean(getpass.getuser())
    except (KeyError, OSError, ImportError):  # an account without a name
        return os.environ.get("USER", "unknown")
