"""``kill -9`` while three processes write to one project: nothing acknowledged is lost, and all agree on what stands.

Each writer labels, skips, updates, removes, adds, sets gold labels, changes the labels (rename, merge, add, remove,
order) and undoes at random, and notes in a file what a call has returned. One after another is killed at a random
moment and followed by a new one. After each kill the project is opened and compared with the notes, and with what
stands when its events are worked out one by one.

    python -m benchmarks.kills --kills 300
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

WRITERS = 3
RECORDS = 120
LABELS = ["ham", "spam"]
KILLS_PER_PROJECT = 30
"""Then a new project begins, so that looking through all events stays quick."""


EXPECTED = (
    "was removed",
    "no record",
    "no label",
    "unknown label",
    "is not a label",
    "is in use",
    "names each label once",
    "at least two labels",
    "undo",
    "taken back",
    "try again",
)
"""In messages of errors that come of what another writer has just done."""
MOST_LABELS = 6


# ---- the writers


def mother() -> None:
    """Start a writer for each line on standard input; a fork takes no time for imports, so that kills come often."""
    import pandas  # noqa: F401 - so that the writers need not
    import pyarrow.parquet  # noqa: F401
    import scipy.stats  # noqa: F401

    import weaklab.label_models
    import weaklab.project.project
    import weaklab.voting.workers  # noqa: F401

    for line in sys.stdin:  # a child that has ended is not waited for, so that no other process gets its number
        path, name, seed, notes = json.loads(line)
        child = os.fork()
        if not child:
            try:
                write(Path(path), name, seed, Path(notes))
            except BaseException as error:
                note(Path(notes), {"failed": f"{type(error).__name__}: {error}"})
            finally:
                os._exit(0)
        print(child, flush=True)


def write(path: Path, name: str, seed: int, notes: Path) -> None:
    """Do one thing after another in a project until the end."""
    from weaklab import Project, WeaklabError

    warnings.simplefilter("ignore")
    lot = random.Random(seed)
    project = Project(path, annotator=name, timeout=None, retrain_every=0, share_answers=0.0)
    for number in range(100_000):
        kind = lot.choices([*ACTIONS], [weight for weight, _ in ACTIONS.values()])[0]
        try:
            done = ACTIONS[kind][1](project, lot, f"{name} {number}")
        except WeaklabError as error:
            if not any(words in str(error) for words in EXPECTED):
                raise
        else:
            if done:
                note(notes, done)


def note(path: Path, done: dict[str, Any]) -> None:
    """Add a line to a file in one piece."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, (json.dumps(done) + "\n").encode())
    os.close(file)


def _some(project: Any, lot: random.Random, most: int) -> list[str]:
    project.workspace.refresh()
    return lot.sample(sorted(project.workspace.rows), lot.randint(1, most))


def _label(project: Any, lot: random.Random, text: str) -> dict[str, Any]:
    event = project.label(_some(project, lot, 1)[0], lot.choice(list(project.label_names)))
    return {"event": event.id, "kind": "label", "record": event.record, "value": event.value}


def _skip(project: Any, lot: random.Random, text: str) -> dict[str, Any]:
    event = project.skip(_some(project, lot, 1)[0])
    return {"event": event.id, "kind": "skip", "record": event.record}


def _update(project: Any, lot: random.Random, text: str) -> dict[str, Any]:
    ids = _some(project, lot, 3)
    done = project.update_records([{"id": name, "text": f"{text} {name}"} for name in ids])
    return {"event": done.event, "kind": "update", "ids": ids, "text": text}


def _remove(project: Any, lot: random.Random, text: str) -> dict[str, Any] | None:
    if len(project) < RECORDS // 2:
        return None
    ids = _some(project, lot, 2)
    return {"event": project.remove_records(ids).event, "kind": "remove", "ids": ids}


def _gold(project: Any, lot: random.Random, text: str) -> dict[str, Any]:
    labels = {name: lot.choice(list(project.label_names)) for name in _some(project, lot, 3)}
    return {"event": project.set_gold(labels).event, "kind": "gold", "labels": labels}


def _add(project: Any, lot: random.Random, text: str) -> dict[str, Any]:
    name = text.replace(" ", "-")
    project.add_records([{"id": name, "text": text}], quiet=True)
    return {"added": name}


def _change_labels(project: Any, lot: random.Random, text: str) -> dict[str, Any]:
    project.workspace.refresh()
    names, new = list(project.label_names), text.replace(" ", "-")
    kinds = ["rename", "rename", "order"]
    kinds += ["add", "add"] if len(names) < MOST_LABELS else []
    kinds += ["merge", "remove"] if len(names) > len(LABELS) + 1 else []
    kind = lot.choice(kinds)
    some = lot.sample(names, len(names) if kind == "order" else 2)
    value = {"rename": [some[0], new], "add": new, "merge": some, "remove": some[0], "order": some}[kind]
    arguments = value if kind in ("rename", "merge") else [value]
    event = getattr(project.label_set, kind)(*arguments)
    return {"event": event.id, "kind": "labels", "value": {kind: value}}


def _undo(project: Any, lot: random.Random, text: str) -> dict[str, Any] | None:
    event = project.undo()
    return event and {"undone": event.id}


ACTIONS: dict[str, tuple[float, Any]] = {
    "label": (6, _label),
    "skip": (1, _skip),
    "update": (3, _update),
    "remove": (2, _remove),
    "gold": (1, _gold),
    "add": (0.5, _add),
    "labels": (2, _change_labels),
    "undo": (3, _undo),
}


# ---- killing and looking


@dataclass
class Kills:
    """Writers at work on one project after another, and what was found.

    Attributes
    ----------
    folder : for the projects and the notes
    seed : of all draws
    acknowledged : kind of what calls have returned -> how many
    """

    folder: Path
    seed: int = 0
    acknowledged: Counter[str] = field(default_factory=Counter)
    killed: int = 0

    def run(self, kills: int) -> None:
        """Kill writers so many times; an AssertionError says what was lost."""
        with _mother() as started:
            while self.killed < kills:
                self._project(started, min(KILLS_PER_PROJECT, kills - self.killed))

    def _project(self, started: subprocess.Popen[str], kills: int) -> None:
        lot = random.Random(f"{self.seed} {self.killed}")
        place = self.folder / f"from-{self.killed}"
        path, notes = place / "project", place / "notes"
        notes.mkdir(parents=True)
        new_project(path)
        running = [self._start(started, path, notes, number) for number in range(WRITERS)]
        try:
            for number in range(WRITERS, WRITERS + kills):
                time.sleep(lot.uniform(0.1, 1.6))
                at = lot.randrange(WRITERS)
                with contextlib.suppress(ProcessLookupError):  # it has ended by an error, which its notes hold
                    os.kill(running[at], signal.SIGKILL)
                self.killed += 1
                running[at] = self._start(started, path, notes, number)
                check(path, notes)
        finally:
            for child in running:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        time.sleep(0.1)
        self.acknowledged += check(path, notes, still=True)

    def _start(self, started: subprocess.Popen[str], path: Path, notes: Path, number: int) -> int:
        assert started.stdin is not None
        assert started.stdout is not None
        name = f"w{self.killed}n{number}"
        started.stdin.write(json.dumps([str(path), name, self.seed * 1000 + self.killed, str(notes / name)]) + "\n")
        started.stdin.flush()
        return int(started.stdout.readline())


@contextlib.contextmanager
def _mother() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", "from benchmarks.kills import mother; mother()"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def new_project(path: Path) -> None:
    """Make the project that the writers work on."""
    from weaklab import Project, keywords

    with Project(path, labels=LABELS, timeout=None, retrain_every=0, share_answers=0.0) as project:
        project.add_records([{"id": f"r{i}", "text": f"record {i}"} for i in range(RECORDS)], quiet=True)
        project.add(keywords("spam", ["w1"], name="ones"))


def check(path: Path, notes: Path, still: bool = False) -> Counter[str]:
    """Compare a project with what was acknowledged before this call; return how much of which kind.

    Parameters
    ----------
    still : whether nobody writes, so that everything can be compared
    """
    from weaklab import Project

    acknowledged = {file.name: noted(file) for file in notes.iterdir()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an import that was killed at its very end
        with Project(path, timeout=None, retrain_every=0, share_answers=0.0) as project:
            events = project.workspace.journal.events()
            meanings = Meanings(events)
            for writer, done in acknowledged.items():
                known = set(project.workspace.refresh().rows) | set(project.workspace.imported)
                _compare(writer, done, events, known, meanings)
            _check_undos(events)
            meanings.check_answers(events)
            if still:
                _check_standing(project, acknowledged)
    return Counter(each.get("kind", next(iter(each))) for done in acknowledged.values() for each in done)


def noted(file: Path) -> list[dict[str, Any]]:
    """Return what a writer noted; a last line that is being written is left out."""
    return [json.loads(line) for line in file.read_text().split("\n")[:-1]]


class Meanings:
    """What the label names in events mean, worked out from the events alone: no two labels ever have the same name.

    Attributes
    ----------
    first : each name that was ever given -> the first name of the same label
    now : first name -> the name of today, None where the label was removed or its adding was undone
    merged : first name -> the first name of the label that it was merged into
    kin : first name -> one name for all labels that were ever merged with it, also where that was undone
    """

    def __init__(self, events: list[Any]) -> None:
        undone = {event.undoes for event in events if event.kind == "undo"}
        self.first: dict[str, str] = {name: name for name in LABELS}
        self.now: dict[str, str | None] = {**self.first}
        self.merged: dict[str, str] = {}
        self.kin: dict[str, str] = {**self.first}
        for event in events:
            if event.kind == "labels":
                [(kind, value)] = event.value.items()
                self._name(kind, value)
                if event.id not in undone:
                    self._change(kind, value)

    def _name(self, kind: str, value: Any) -> None:
        """Take in a new name; it means the same label whether its change was undone or not."""
        if kind in ("rename", "add"):
            old, new = value if kind == "rename" else (value, value)
            assert new not in self.first, f"label {new!r} was made twice"
            self.first[new] = self.first.get(old, new)
            self.kin.setdefault(self.first[new], new)
        elif kind == "merge":
            one, other = (self.kin[self.first[name]] for name in value)
            self.kin = {name: other if held == one else held for name, held in self.kin.items()}

    def _change(self, kind: str, value: Any) -> None:
        if kind == "rename":
            self.now[self.first[value[0]]] = value[1]
        elif kind == "merge":
            self.merged[self.first[value[0]]] = self.first[value[1]]
        elif kind in ("add", "remove"):
            self.now[self.first[value]] = value if kind == "add" else None

    def name_now(self, name: str) -> str | None:
        """Return the name of today of the label that ever had a name, None where it is gone."""
        label = self.first[name]
        while label in self.merged:
            label = self.merged[label]
        return self.now.get(label)

    def names(self) -> set[str]:
        """Return the labels of today."""
        return {name for name in map(self.name_now, self.first) if name is not None}

    def told(self, value: Any) -> Any:
        """Return what a call told, or an event says, with one name for all that a label may have become: another
        writer may have renamed or merged it in between.
        """
        if isinstance(value, dict):
            return {key: self.told(each) for key, each in value.items()}
        return self.kin[self.first[value]] if isinstance(value, str) and value in self.first else value

    def check_answers(self, events: list[Any]) -> None:
        """Check that no answer was stored with a label that was gone by then."""
        gone: set[str] = set()
        changes = {event.id: event.value for event in events if event.kind == "labels"}
        for event in events:
            undo = event.kind == "undo"
            change = changes.get(event.undoes if undo else event.id, {})
            if removed := change.get("add" if undo else "remove"):
                gone.add(self.first[removed])
            if back := change.get("remove" if undo else "add"):
                gone.discard(self.first[back])
            for name in _labels_in(event):
                assert self.first[name] not in gone, f"{event} has the label {name!r}, which was gone"


def _labels_in(event: Any) -> list[str]:
    """Return the label names that an answer or a change of gold labels gives."""
    if event.kind == "gold":
        return list(event.value["labels"].values())
    return [event.value] if event.kind == "label" else []


def _compare(writer: str, done: list[dict[str, Any]], events: list[Any], ids: set[str], meanings: Meanings) -> None:
    """Check that all that one writer was told is there, in its order."""
    undone = [event.undoes for event in events if event.kind == "undo" and event.annotator == writer]
    for each in done:
        assert "failed" not in each, f"{writer} ended: {each['failed']}"
        if "added" in each:
            assert each["added"] in ids, f"{writer}: record {each['added']} is lost"
        elif "undone" in each:
            assert each["undone"] in undone, f"{writer}: the undo of {each['undone']} is lost"
        else:
            event = events[each["event"] - 1]
            assert (event.id, event.kind, event.annotator) == (each["event"], each["kind"], writer)
            told = {name: value for name, value in each.items() if name != "text"}
            assert meanings.told(_says(event)) == meanings.told(told), (
                f"{writer}: {told} was acknowledged, and there is {event}"
            )
    taken = [each["undone"] for each in done if "undone" in each]
    assert [number for number in undone if number in taken] == taken, f"{writer}: its undos are in another order"


def _says(event: Any) -> dict[str, Any]:
    """Return what a writer notes of an event, but for the text of an update, which stands in its folder."""
    found = {"event": event.id, "kind": event.kind}
    if event.kind in ("update", "remove"):
        return {**found, "ids": event.value["ids"]}
    if event.kind == "labels":
        return {**found, "value": event.value}
    if event.kind == "gold":
        return {**found, "labels": event.value["labels"]}
    return {**found, "record": event.record, **({"value": event.value} if event.kind == "label" else {})}


def _check_undos(events: list[Any]) -> None:
    """Check that each event was taken back once at most, after it was there, by its own writer."""
    taken: set[int] = set()
    for event in events:
        if event.kind == "undo":
            assert event.undoes < event.id
            assert event.undoes not in taken, f"event {event.undoes} was taken back twice"
            assert events[event.undoes - 1].annotator == event.annotator
            taken.add(event.undoes)


def _check_standing(project: Any, acknowledged: dict[str, list[dict[str, Any]]]) -> None:
    """Check records, texts, gold and manual labels against the events, worked out one by one."""
    project.workspace.refresh()
    events = project.workspace.journal.events()
    undone = {event.undoes for event in events if event.kind == "undo"}
    standing = [event for event in events if event.kind != "undo" and event.id not in undone]
    removed = {name for event in standing if event.kind == "remove" for name in event.value["ids"]}
    ids = [name for name in project.workspace.imported if name not in removed]
    found = project.corpus.id_column().to_pylist()
    assert found == ids, (
        f"records {set(found) ^ set(ids)} are there and not removed, or the other way; {len(ids)} remain"
    )
    meanings = Meanings(events)
    assert set(project.label_names) == meanings.names() == set(project.settings.labels)
    _check_answers(project, [event for event in standing if event.record not in removed], meanings)
    changed: dict[str, int] = {}
    for event in standing:
        if event.kind == "update":
            changed |= dict.fromkeys(event.value["ids"], event.id)
    told = {each["event"]: each["text"] for done in acknowledged.values() for each in done if "text" in each}
    texts = dict(zip(ids, project.corpus.column("text").to_pylist(), strict=True))
    for name, number in changed.items():
        if name in texts and number in told:
            assert texts[name] == f"{told[number]} {name}"
    assert len(project.labels()) == len(ids)


def _check_answers(project: Any, standing: list[Any], meanings: Meanings) -> None:
    """Check manual labels, and the gold labels of records that were not updated, with the label names of today."""
    labels: dict[str, dict[str, str | None]] = {}
    gold: dict[str, str | None] = {}
    for event in standing:
        if event.kind == "label":
            labels.setdefault(event.record, {})[event.annotator] = meanings.name_now(event.value)
        elif event.kind == "gold":
            gold |= {name: meanings.name_now(label) for name, label in event.value["labels"].items()}
    said = {name: {label for label in by.values() if label} for name, by in labels.items()}
    manual = project.manual_labels()
    assert manual.keys() == {name for name, found in said.items() if found}
    assert all(label in said[name] for name, label in manual.items())
    updated = {name for event in standing if event.kind == "update" for name in event.value["ids"]}
    found = dict(zip(project.corpus.id_column().to_pylist(), project.corpus.gold() or [], strict=True)) if gold else {}
    for name in found.keys() - updated:
        assert found[name] == gold.get(name), f"gold label of {name} is {found[name]}, was set to {gold.get(name)}"


def main(arguments: list[str] | None = None, out: IO[str] = sys.stdout) -> None:
    """Kill writers and tell what was acknowledged and found again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        kills = Kills(Path(folder), given.seed)
        kills.run(given.kills)
    counts = ", ".join(f"{kind} {count:,}" for kind, count in sorted(kills.acknowledged.items()))
    total = sum(kills.acknowledged.values())
    took = time.monotonic() - begun
    out.write(f"{kills.killed} kills in {took:.0f} s; acknowledged {total:,}: {counts}; nothing is lost\n")


if __name__ == "__main__":
    main()
