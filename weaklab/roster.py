"""The members of a project's committee: from its files, from its settings, and from earlier sessions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.base import HeuristicError, LabelNames, WeaklabError
from weaklab.committee import Committee
from weaklab.heuristics import Heuristic, as_heuristic, load
from weaklab.members import Frozen, classifier_from_setting, heuristic_from_spec
from weaklab.settings import FILE, Settings

if TYPE_CHECKING:
    from weaklab.store import Store


class Roster:
    """Keeps the committee of a project in step with its files and its store.

    Attributes
    ----------
    committee : the members
    load_errors : what could not be loaded, one message each
    """

    def __init__(self, path: Path, settings: Settings, labels: LabelNames, store: Store) -> None:
        self._path, self._settings, self._labels, self._store = path, settings, labels, store
        self._load()

    def _load(self) -> None:
        self.committee = Committee(self._labels, timeout=self._settings.timeout or None)
        self.load_errors: list[str] = []
        self._places: dict[str, str] = {}
        for place in self._settings.labeling_functions:
            path = (self._path / place).resolve()
            if path.exists() or place != "labeling_functions":
                self._take_file(path)
        for entry in self._settings.weak_classifiers:
            classifier = classifier_from_setting(entry)
            classifier.location = FILE
            self.committee.add(classifier)
            self._places[classifier.name] = FILE
        for name, spec, fingerprint, location in self._store.members():
            if name not in self.committee:
                member = Frozen(name, fingerprint, location) if spec is None else heuristic_from_spec(spec)
                member.location = location
                self.committee.add(member)

    def _take_file(self, path: Path) -> None:
        try:
            loaded = load(path)
        except HeuristicError as error:
            self.load_errors.append(str(error))
            return
        self.load_errors += loaded.errors
        for heuristic in loaded.heuristics:
            try:
                self.committee.add(heuristic)
                self._places[heuristic.name] = heuristic.location
            except WeaklabError as error:
                self.load_errors.append(f"{heuristic.location}: {error}" if heuristic.location not in str(error) else str(error))

    def reload(self) -> list[str]:
        """Read the files again; return what failed."""
        session = {h.name: h for h in self.committee.heuristics if h.name not in self._places}
        self._load()
        for name, heuristic in session.items():
            if name in self.committee and isinstance(self.committee[name], (Frozen, type(heuristic))):
                self.committee.put_back(heuristic)
        return self.load_errors

    def add(self, heuristic: Any) -> Heuristic:
        """Register a heuristic and remember it."""
        member = as_heuristic(heuristic)
        if member.name in self._places:
            raise HeuristicError(f"{member.name!r} is the name of a heuristic in {self._places[member.name]}; choose another name")
        self.committee.add(member)
        self._store.put_member(member.name, member.spec(), member.fingerprint, member.location)
        return member

    def remove(self, name: str) -> None:
        """Forget a heuristic that stands in no file."""
        if name in self._places:
            raise HeuristicError(f"{name!r} stands in {self._places[name]}; take it out there and call reload()")
        self.committee.remove(name)
        self._store.drop_member(name)
