"""The members of a project's committee: from its files, from its settings, and from earlier sessions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weaklab.core.errors import HeuristicError, ProjectError, WeaklabError, warn
from weaklab.core.label_set import LabelHistory
from weaklab.crowd.annotators import CROWD
from weaklab.heuristics import Heuristic, LabelingFunction, as_heuristic, load
from weaklab.heuristics.loading import FileContents
from weaklab.project.database import DATABASE
from weaklab.project.journal import Journal, MemberRow
from weaklab.project.settings import FILE, Settings
from weaklab.project.stored_members import (
    NO_CODE,
    MissingHeuristic,
    classifier_from_setting,
    heuristic_from_spec,
    offered,
    runs_code,
    stored_spec,
)
from weaklab.voting.committee import Committee

_IN_FILES = "heuristics_in_files"
OFFERED = f"heuristics of {FILE}"
"""Where a heuristic stands that the settings name and an installed package offers."""


class ProjectMembers:
    """Keeps the committee of a project in step with its files and its store.

    Attributes
    ----------
    committee : the members
    load_errors : what could not be loaded, one message each
    """

    def __init__(
        self, path: Path, settings: Settings, history: LabelHistory, journal: Journal, run_code: bool = True
    ) -> None:
        self._path, self._settings, self._history, self._journal, self._run_code = (
            path,
            settings,
            history,
            journal,
            run_code,
        )
        self._load()

    def _load(self) -> None:
        self.committee = Committee(
            self._history.now, timeout=self._settings.timeout or None, compile=self._settings.compile
        )
        self.committee.take_labels(self._history)
        self.load_errors: list[str] = []
        self._places: dict[str, str] = {}
        self._files = FileContents()
        if self._run_code:
            self._take_files()
            self._take_offered()
        else:
            self._take_names()
        for entry in self._settings.weak_classifiers:
            classifier = classifier_from_setting(entry)
            classifier.location = FILE
            self.committee.add(classifier)
            self._places[classifier.name] = FILE
        self._members = self._journal.members()
        for name, spec, fingerprint, location in self._members:
            if name not in self.committee:
                self.committee.add(self._member(name, spec, fingerprint, location))

    def take_labels(self, history: LabelHistory) -> None:
        """Take over labels that have changed."""
        self._history = history
        self.committee.take_labels(history)

    def sync(self) -> bool:
        """Take over what other sessions have added, redefined or removed since; return whether there was any such
        thing.
        """
        now = self._journal.members()
        if now == self._members:
            return False
        before, after = ({member[0]: member for member in members} for members in (self._members, now))
        self._members = now
        gone = [name for name in before if name not in after and name in self.committee and name not in self._places]
        new = [name for name, member in after.items() if before.get(name) != member and name not in self._places]
        for name in gone:
            self.committee.remove(name)
        for name in new:
            member = self._member(*after[name])
            if name in self.committee:
                self.committee.put_back(member)
            else:
                self.committee.add(member)
        return bool(gone or new)

    def _take_files(self) -> None:
        """Run the files of labeling functions."""
        for place in self._settings.labeling_functions:
            path = (self._path / place).resolve()
            if path.exists() or place != "labeling_functions":
                self._take_file(path)

    def _take_offered(self) -> None:
        """Take the heuristics of installed packages that the settings name."""
        for name in dict.fromkeys(self._settings.heuristics):
            try:
                member = offered(name)
                member.location = OFFERED
                if name in self.committee:
                    raise HeuristicError(f"is the name of a heuristic in {self._places[name]}; rename that")
                self.committee.add(member)
                self._places[name] = OFFERED
            except WeaklabError as error:
                self.load_errors.append(f"{self._path / FILE}: heuristic {name!r}: {error}")
                warn(self.load_errors[-1])
                self._take_kept(name)

    def _take_kept(self, name: str) -> None:
        """Let the votes count that a heuristic gave which is not here now."""
        for held, fingerprint, location in self._journal.get(_IN_FILES) or []:
            if held == name and location == OFFERED and name not in self.committee:
                self.committee.add(MissingHeuristic(name, str(fingerprint), OFFERED))
                self._places[name] = OFFERED

    def _take_names(self) -> None:
        """Take the heuristics of the files and of installed packages as :meth:`remember` noted them, without running
        anything.
        """
        noted = self._journal.get(_IN_FILES)
        if noted is None and (
            self._settings.heuristics
            or any(next((self._path / place).glob("*.py"), None) for place in self._settings.labeling_functions)
        ):
            warn(
                f"{self._path} was opened without running code, and its labeling functions have not voted yet, so that "
                "none of them is "
                "known here; run it once with code: `weaklab run`"
            )
        for name, fingerprint, location in noted or []:
            member = MissingHeuristic(str(name), str(fingerprint), str(location), NO_CODE)
            self.committee.add(member)
            self._places[member.name] = member.location

    def remember(self) -> None:
        """Note the heuristics of the files whose votes are kept now, for those who open the project without running
        code.
        """
        if not self._run_code or self._journal.read_only:
            return
        inside = [h for h in self.committee.heuristics if self._places.get(h.name, FILE) != FILE and h.keeps]
        noted = [[h.name, h.fingerprint, h.location] for h in inside]
        if noted != self._journal.get(_IN_FILES, []):
            self._note_files(noted)

    def _note_files(self, noted: list[list[str]]) -> None:
        try:
            self._journal.put(_IN_FILES, noted)
        except ProjectError as error:
            warn(f"{error}; this session goes on")

    @property
    def without_code(self) -> list[str]:
        """The names of the members whose code is not here, or was not to be run."""
        return [h.name for h in self.committee.heuristics if isinstance(h, MissingHeuristic)]

    def _take_file(self, path: Path) -> None:
        self._files.watch(path)
        try:
            loaded = load(path)
        except HeuristicError as error:
            self.load_errors.append(str(error))
            return
        self.load_errors += loaded.errors
        self._files.add(loaded.files)
        for heuristic in loaded.heuristics:
            try:
                self.committee.add(heuristic)
                self._places[heuristic.name] = heuristic.location
            except WeaklabError as error:
                self.load_errors.append(
                    f"{heuristic.location}: {error}" if heuristic.location not in str(error) else str(error)
                )

    def reload(self) -> list[str]:
        """Read the files again; return what failed."""
        self.sync()
        session = {h.name: h for h in self.committee.heuristics if h.name not in self._places}
        self._load()
        for name, heuristic in session.items():
            if name in self.committee and isinstance(self.committee[name], (MissingHeuristic, type(heuristic))):
                self.committee.put_back(heuristic)
        return self.load_errors

    def files_changed(self) -> bool:
        """Whether a file of labeling functions, or a helper that one imported from its folder, is not what it was when
        it was read.
        """
        return self._files.changed()

    def note_fingerprints(self, fingerprints: Mapping[str, str]) -> None:
        """Let other sessions know the votes of functions of this one that changed without being registered again.

        Parameters
        ----------
        fingerprints : of the committee as it is now
        """
        if self._journal.read_only:
            return
        for name, spec, before, location in list(self._members):
            now = fingerprints.get(name, before)
            if now != before and name not in self._places and isinstance(self.committee[name], LabelingFunction):
                row = MemberRow(name, spec, now, location)
                self._journal.put_member(row)
                self._note(name, row)

    def add(self, heuristic: Any) -> Heuristic:
        """Register a heuristic and remember it."""
        member = as_heuristic(heuristic)
        if member.name in self._places:
            raise HeuristicError(
                f"{member.name!r} is the name of a heuristic in {self._places[member.name]}; choose another name"
            )
        self._journal.must_be_writable()
        self.committee.add(member)
        self._journal.put_member(MemberRow(member.name, stored_spec(member), member.fingerprint, member.location))
        self._note(member.name, next((row for row in self._journal.members() if row.name == member.name), None))
        return member

    def is_in_file(self, name: str) -> bool:
        """Whether a heuristic stands in a file of the project, and neither in its settings nor in its journal."""
        return self._places.get(name, FILE) not in (FILE, OFFERED)

    def remove(self, name: str) -> None:
        """Forget a heuristic that stands in no file."""
        if name in self._places:
            raise HeuristicError(f"{name!r} stands in {self._places[name]}; take it out there and call reload()")
        self._journal.must_be_writable()
        self.committee.remove(name)
        self._journal.drop_member(name)
        self._note(name, None)

    def _crowd(self, name: str, spec: dict[str, Any]) -> Heuristic:
        from weaklab.project.stored_crowds import stored_votes

        return stored_votes(self._path, name, spec.get("file"))

    def _note(self, name: str, row: Any) -> None:
        """Know what this session itself has changed, so that :meth:`sync` takes it for nobody else's."""
        self._members = [held for held in self._members if held[0] != name] + ([] if row is None else [row])

    def _member(self, name: str, spec: dict[str, Any] | None, fingerprint: str, location: str) -> Heuristic:
        """Return a heuristic as an earlier or another session left it; one that is refused abstains, and a message
        names it.
        """
        member: Heuristic = MissingHeuristic(name, fingerprint, location)
        if runs_code(spec) and not self._run_code:
            member = MissingHeuristic(name, fingerprint, location, NO_CODE)
        elif spec is not None:
            try:
                member = self._crowd(name, spec) if spec.get("kind") == CROWD else heuristic_from_spec(spec)
            except HeuristicError as error:
                self.load_errors.append(f"{self._path / DATABASE}: heuristic {name!r}: {error}")
                warn(self.load_errors[-1])
        member.location = location
        return member
