"""Ten seeded projects and simulations in two checkouts: are votes, probabilities, labels and picks the same?

    git worktree add ../old 26b898d
    python -m benchmarks.identical ../old                        # beside this checkout
    python -m benchmarks.identical ../old ../new loop headlines  # some of them
    python -m benchmarks.identical ../old --fixed-answers

Each checkout runs each project in a process of its own, through public names that both have. What is compared after
every step: the votes of all members, the probabilities bit for bit, the labels, the manual labels, and the picks, ids
and order. Answers go to the records that were picked, so after one other pick everything may differ. With
``--fixed-answers`` they go to records that a seed draws, so that a difference of probabilities has another cause than a
pick. The exit code is 1 where anything differs.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import random
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

KINDS = ("votes", "probabilities", "labels", "manual labels", "picks")
ERROR = "error"
"""The step of an entry that says why a project went no further."""
Entry = tuple[str, str, Any]
"""Step, kind and value."""
COMMON = (
    "today",
    "there",
    "please",
    "about",
    "again",
    "people",
    "number",
    "little",
    "after",
    "before",
    "maybe",
    "often",
)
TOPICS = {
    "sport": ("match", "team", "goal", "coach", "league", "win"),
    "money": ("bank", "price", "market", "loan", "tax", "rate"),
    "food": ("soup", "bread", "cook", "salt", "lunch", "taste"),
    "travel": ("train", "hotel", "flight", "ticket", "beach", "map"),
    "tech": ("chip", "code", "screen", "server", "phone", "cable"),
}


def made_up(n: int, classes: Sequence[str], seed: int, repeats: float = 0.0) -> list[dict[str, Any]]:
    """Return records with texts, numbers and ``gold``; a share of them repeat an earlier text."""
    rng = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for number in range(n):
        gold = rng.choices(classes, weights=range(len(classes) + 1, 1, -1))[0]
        words = rng.choices(COMMON, k=rng.randint(5, 9))
        for _ in range(rng.randint(0, 3)):
            topic = gold if rng.random() < 0.85 else rng.choice(classes)
            words.insert(rng.randrange(len(words)), rng.choice(TOPICS[topic]))
        text = " ".join([*words, str(rng.randrange(10_000))])
        if rows and rng.random() < repeats:
            earlier = rng.choice(rows)
            gold, text = earlier["gold"], f"{earlier['text']}!"
        loud = round(rng.gauss(classes.index(gold), 1.0), 3)
        rows.append({"id": f"r{number:04d}", "text": text, "length": len(text), "loud": loud, "gold": gold})
    return rows


class Answerer:
    """Says which records get which labels.

    Parameters
    ----------
    gold : id -> label
    fixed : answer records that a seed draws, and not those that were picked
    """

    def __init__(self, gold: dict[str, str], fixed: bool, seed: int = 0) -> None:
        self._gold, self._fixed = gold, fixed
        self._rng = random.Random(seed)
        self._order = self._rng.sample(sorted(gold), len(gold))
        self._names = sorted(set(gold.values()))

    def __call__(self, picked: Sequence[str]) -> list[tuple[str, str]]:
        """Return pairs of id and label, as many as there are picks; one label in twelve is wrong."""
        ids = [self._order.pop() for _ in picked] if self._fixed else list(picked)
        return [(one, random.Random(one).choice([self._gold[one]] * 11 + self._names)) for one in ids]


def plain(values: Any) -> list[Any]:
    """Return labels as a list with None where there is none."""
    return [None if value is None or value != value else value for value in values]


def look(step: str, project: Any) -> Iterator[Entry]:
    """Yield what a project says now."""
    votes = project.votes()
    yield step, "votes", [list(votes.names), votes.L.tolist()]
    yield step, "probabilities", project.probabilities().tolist()
    yield step, "labels", plain(project.labels()["label"])
    yield step, "manual labels", sorted(project.manual_labels().items())


def turns(project: Any, answers: Answerer, rounds: int, size: int = 10, **options: Any) -> Iterator[Entry]:
    """Ask, answer and train so many times."""
    for turn in range(rounds):
        picked = [ask.id for ask in project.ask(size, **options)]
        yield f"round {turn + 1}", "picks", picked
        project.label_many(answers(picked))
        project.run(progress=False)
        yield from look(f"round {turn + 1}", project)


def new(folder: Path, classes: Sequence[str], rows: Any, **settings: Any) -> Any:
    """Return a project with records that have ids, texts and gold labels."""
    import weaklab

    settings = {"timeout": None, "annotator": "Ann", **settings}
    project = weaklab.Project(folder / "project", labels=list(classes), **settings)
    project.add_records(rows, text="text", id="id", gold="gold")
    return project


def add_keywords(project: Any, classes: Sequence[str], words: int = 3) -> None:
    import weaklab

    for label in classes:
        project.add(weaklab.keywords(label, list(TOPICS[label][:words]), name=f"words_{label}"))


def gold_of(rows: Sequence[dict[str, Any]]) -> dict[str, str]:
    return {row["id"]: row["gold"] for row in rows}


# ---- the projects


def headlines(folder: Path, fixed: bool) -> Iterator[Entry]:
    """Ask about the bundled headlines with their functions, Naive Bayes and the settings of a new project."""
    import weaklab

    frame = weaklab.datasets.load_headlines()
    functions = weaklab.datasets.headline_functions()
    with new(folder, weaklab.datasets.HEADLINE_LABELS, frame, labeling_functions=[str(functions)]) as project:
        project.weak_classifier("naive_bayes")
        yield from look("start", project)
        yield from turns(project, Answerer(dict(zip(frame["id"], frame["gold"], strict=True)), fixed), 4)


def keywords_and_patterns(folder: Path, fixed: bool) -> Iterator[Entry]:
    """Two classes, no classifier, margin; a frozen copy labels other records."""
    import weaklab

    classes = ("sport", "money")
    rows = made_up(300, classes, 1)
    with new(folder, classes, rows, strategy="margin", seed=3) as project:
        add_keywords(project, classes)
        project.add(weaklab.pattern("money", r"\b(loan|tax)\b.*\d{3}", name="loan_with_number"))
        project.add(weaklab.pattern("sport", r"^(match|team|goal)", name="starts_with_sport"))
        yield from look("start", project)
        yield from turns(project, Answerer(gold_of(rows), fixed), 3)
        batch = next(weaklab.read(made_up(50, classes, 2), text="text", id="id", gold="gold").batches())
        yield "frozen", "labels", plain(project.freeze().label_batch(batch)["label"].to_pylist())


def python_functions(folder: Path, fixed: bool) -> Iterator[Entry]:
    """Three classes, functions with confidence, with faults and in child processes, conditions, logistic regression."""
    import weaklab

    classes = ("food", "tech", "travel")
    rows = made_up(300, classes, 4)

    @weaklab.labeling_function
    def many_letters(record: Any) -> Any:
        return ("tech", 0.6) if record["length"] > 60 else None

    @weaklab.labeling_function
    def fails_at_times(record: Any) -> Any:
        return {"bread": "food", "hotel": "travel", "code": "tech"}[re.findall("bread|hotel|code|7", record["text"])[0]]

    @weaklab.labeling_function(batch=True)
    def loud(frame: Any) -> Any:
        return ["travel" if value > 2.5 else "food" if value < -0.5 else None for value in frame["loud"]]

    with new(folder, classes, rows, timeout=30, strategy={"entropy": 2, "typicality": 1}) as project:
        for function in (many_letters, fails_at_times, loud):
            project.add(function)
        project.add(weaklab.where("food", weaklab.col("length") < 38, name="short"))
        project.weak_classifier("logistic_regression", features="tfidf")
        yield from look("start", project)
        yield from turns(project, Answerer(gold_of(rows), fixed), 3)


def near_duplicates(folder: Path, fixed: bool) -> Iterator[Entry]:
    """Four classes, a third of the texts are repeated, answers are shared; two imports."""
    classes = ("sport", "money", "food", "travel")
    rows = made_up(400, classes, 5, repeats=0.35)
    with new(folder, classes, rows[:250], share_answers=0.8) as project:
        add_keywords(project, classes)
        project.weak_classifier("naive_bayes", features="tfidf")
        yield from look("start", project)
        answers = Answerer(gold_of(rows[:250]), fixed)
        yield from turns(project, answers, 2)
        project.add_records(rows[250:], text="text", id="id", gold="gold")
        yield from look("more records", project)
        yield from turns(project, answers if fixed else Answerer(gold_of(rows), fixed), 2, strategy="badge")


def gold_and_precision(folder: Path, fixed: bool) -> Iterator[Entry]:
    """Five classes, two classifiers, one with a promised precision and one on columns; labels at a precision."""
    classes = tuple(TOPICS)
    rows = made_up(500, classes, 6)
    with new(folder, classes, rows, random_share=0.5, pseudo_labels=0.95) as project:
        add_keywords(project, classes, 2)
        project.weak_classifier("naive_bayes", features="tfidf", min_precision=0.8)
        project.weak_classifier("logistic_regression", features="columns", name="columns")
        yield from look("start", project)
        yield from turns(project, Answerer(gold_of(rows), fixed), 5, 20)
        yield "promised", "labels", plain(project.label_or_abstain(0.8).labels)


def several_people(folder: Path, fixed: bool) -> Iterator[Entry]:
    """Three annotators disagree; records are skipped and put back, answers are taken back."""
    classes = ("sport", "money", "food")
    rows = made_up(250, classes, 7)
    gold = gold_of(rows)
    answers = Answerer(gold, fixed)
    with new(folder, classes, rows, retrain_every=0) as project:
        add_keywords(project, classes)
        for turn, person in enumerate(["Ann", "Bob", "Eve", "Ann"]):
            picked = [ask.id for ask in project.ask(8)]
            yield f"round {turn + 1}", "picks", picked
            pairs = answers(picked)
            for one, label in pairs:
                project.label(one, label, annotator=person)
            for one, label in pairs[:4]:
                other = classes[(classes.index(label) + turn) % 3]
                project.label(one, other, annotator="Bob" if person == "Ann" else "Ann")
            project.skip(pairs[4][0])
            project.undo()
            project.skip(pairs[5][0], annotator=person)
            project.requeue(pairs[6][0])
            project.undo()
            project.undo()
            project.run(progress=False)
            yield from look(f"round {turn + 1}", project)
        yield "disputes", "labels", project.disputes()["record"].tolist()


def streams(folder: Path, fixed: bool) -> Iterator[Entry]:
    """Records of a stream and made-up ones beside a corpus; retraining while they are labeled."""
    classes = ("money", "tech")
    rows, other = made_up(250, classes, 8), made_up(300, classes, 9)
    with new(folder, classes, rows, retrain_every=6) as project:
        add_keywords(project, classes, 2)
        project.weak_classifier("naive_bayes", features="tfidf")
        yield from turns(project, Answerer(gold_of(rows), fixed), 1)
        gold = {row["text"]: row["gold"] for row in other}
        asked = []
        for number, ask in enumerate(project.stream([row["text"] for row in other], budget=0.2)):
            asked.append(ask.id)
            project.label(ask, gold[ask.text] if number % 9 else classes[number % 2])
        yield "stream", "picks", asked
        yield from look("stream", project)
        synthetic = project.synthesize(4)
        yield "synthetic", "picks", [ask.text for ask in synthetic]
        for number, ask in enumerate(synthetic):
            project.label(ask, classes[number % 2])
        project.run(progress=False)
        yield from look("synthetic", project)


def label_models(folder: Path, fixed: bool) -> Iterator[Entry]:
    """Every label model on the same votes, and a project with Dawid-Skene."""
    import numpy as np

    import weaklab

    rng = np.random.default_rng(10)
    truth = rng.integers(0, 3, 500)
    L = np.where(rng.random((500, 7)) < 0.7, truth[:, None], rng.integers(0, 3, (500, 7))).astype(np.int8)
    L[rng.random(L.shape) < 0.5] = -1
    y = np.where(np.arange(500) < 40, truth, -1)
    models = (
        "committee",
        "coverage_vote",
        "majority_vote",
        "dawid_skene",
        "weighted_vote",
        "one_coin",
        "triplets",
        "crowdlab",
    )
    for name in (*models, "refinery", "hierarchical_dawid_skene"):
        for step, given in (("no labels", np.full(500, -1)), ("40 labels", y)):
            model = weaklab.label_model(name, n_classes=3).fit(L, given)
            yield f"{name}, {step}", "probabilities", model.predict_proba(L).tolist()
    classes = ("sport", "money", "food")
    rows = made_up(250, classes, 11)
    with new(folder, classes, rows, label_model="dawid_skene", strategy="vote_entropy", cold_start="") as project:
        add_keywords(project, classes)
        yield from turns(project, Answerer(gold_of(rows), fixed), 2)


def simulation(folder: Path, fixed: bool) -> Iterator[Entry]:
    """``simulate`` with several strategies and seeds; figures stand for probabilities."""
    import weaklab

    classes = ("sport", "money", "food", "travel")
    heuristics = [weaklab.keywords(label, list(TOPICS[label][:3]), name=f"words_{label}") for label in classes]
    found = weaklab.simulate(
        made_up(300, classes, 12),
        gold="gold",
        text="text",
        id="id",
        labels=list(classes),
        heuristics=heuristics,
        strategies=["default", "random", "margin", "badge", "k_center"],
        budgets=(20, 40),
        seeds=2,
        progress=False,
    )
    for run in found.runs:
        metrics = ("accuracy", "rest_accuracy", "macro_f1", "brier")
        rounds = [[measured[name] for name in metrics] for measured in run.rounds]
        yield f"{run.strategy}, seed {run.seed}", "probabilities", rounds


def loop(folder: Path, fixed: bool) -> Iterator[Entry]:
    """A loop over arrays, another strategy in each round."""
    import numpy as np

    import weaklab

    rng = np.random.default_rng(13)
    truth = rng.integers(0, 3, 400)
    X = rng.normal(size=(400, 6)) + np.eye(6)[truth] * 1.8
    L = np.where(rng.random((400, 3)) < 0.75, truth[:, None], rng.integers(0, 3, (400, 3)))
    L[rng.random(L.shape) < 0.4] = -1
    answers = Answerer({str(row): str(code) for row, code in enumerate(truth.tolist())}, fixed)
    made = weaklab.Loop(X, ["a", "b", "c"], L, classifiers=["logistic_regression"], seed=5)
    yield "start", "probabilities", made.P.tolist()
    for strategy in (
        None,
        None,
        "entropy",
        "typicality",
        "expected_gradient_length",
        "variance_reduction",
        "max_disagreement",
    ):
        picked = [str(pick.row) for pick in made.ask(10, strategy=strategy)]
        yield str(strategy), "picks", picked
        pairs = answers(picked)
        made.label([int(row) for row, _ in pairs], [int(code) for _, code in pairs])
        yield str(strategy), "probabilities", made.P.tolist()


PROJECTS: dict[str, Callable[[Path, bool], Iterator[Entry]]] = {
    function.__name__: function
    for function in (
        headlines, keywords_and_patterns, python_functions, near_duplicates, gold_and_precision, several_people,
        streams, label_models, simulation, loop,
    )
}  # fmt: skip


# ---- comparing


def play(name: str, fixed: bool) -> list[Entry]:
    """Return all that a project says, in this process. An error ends it and is the last entry."""
    found: list[Entry] = []
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for entry in PROJECTS[name](Path(folder), fixed):
                found.append(entry)  # noqa: PERF402 - what came before an error is kept
        except Exception as error:
            found.append((ERROR, "labels", f"{type(error).__name__}: {error}"))
    return found


def numbers(value: Any) -> list[float]:
    """Return the numbers in nested lists, one after the other."""
    return [one for part in value for one in numbers(part)] if isinstance(value, list) else [value]


def difference(kind: str, old: Any, new: Any) -> str:
    """Return in words how two values differ, an empty text where they do not."""
    if json.dumps(old) == json.dumps(new):
        return ""
    if not isinstance(old, list) or not isinstance(new, list):
        return f"{old} and {new}"
    if kind == "probabilities":
        first, second = numbers(old), numbers(new)
        if len(first) != len(second):
            return f"{len(first)} and {len(second)} numbers"
        apart = [math.inf if a != a or b != b else abs(a - b) for a, b in zip(first, second, strict=True)]
        return f"{max(apart):.2g} apart at most, {sum(value > 0 for value in apart)} of {len(apart)} numbers"
    if kind == "votes":
        if old[0] != new[0]:
            return f"members {old[0]} and {new[0]}"
        old, new = numbers(old[1]), numbers(new[1])
    changed = [place for place, (a, b) in enumerate(zip(old, new, strict=False)) if a != b]
    if kind == "picks":
        order = ", in another order" if set(old) == set(new) else ""
        return f"{len(set(old) & set(new))} of {len(old)} are the same{order}"
    return f"{len(changed) + abs(len(old) - len(new))} of {len(old)}"


def compare(old: Sequence[Entry], new: Sequence[Entry]) -> dict[str, list[tuple[str, str]]]:
    """Return kind -> the steps that differ, each with the difference in words; a kind that never occurs is left out."""
    there = {entry[1] for entry in [*old, *new]}
    found: dict[str, list[tuple[str, str]]] = {kind: [] for kind in KINDS if kind in there}
    for place, (before, now) in enumerate(zip(old, new, strict=False)):
        if tuple(before[:2]) != tuple(now[:2]):
            found[before[1]].append((before[0], f"entry {place} is {before[:2]} and {now[:2]}"))
            return found
        said = difference(before[1], before[2], now[2])
        if said:
            found[before[1]].append((before[0], said))
    ends = {"old": old[-1:], "new": new[-1:]}
    failed = [f"{side}: {entry[2]}" for side, last in ends.items() for entry in last if entry[0] == ERROR]
    if failed:
        found.setdefault("labels", []).append((ERROR, ", ".join(failed)))
    elif len(old) != len(new):
        kind = max(old, new, key=len)[min(len(old), len(new))][1]
        found.setdefault(kind, []).append(("end", f"{len(old)} and {len(new)} entries"))
    return found


def show(name: str, found: dict[str, list[tuple[str, str]]]) -> Iterator[str]:
    """Yield a line for a project, and one for each kind that differs, with the first step that does."""
    cells = [("differ" if found[kind] else "same") if kind in found else "-" for kind in KINDS]
    yield f"{name:<24}" + "".join(f"{cell:<16}" for cell in cells).rstrip()
    for kind, steps in found.items():
        if steps:
            yield f"    {kind}: first at {steps[0][0]} ({steps[0][1]}), {len(steps)} steps in all"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", nargs="?", help="folder of a checkout")
    parser.add_argument("names", nargs="*", metavar="NEW or NAME", help="another checkout; names of projects")
    parser.add_argument("--fixed-answers", action="store_true", help="label records that a seed draws")
    parser.add_argument("--play", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.play:
        print(json.dumps(play(options.play, options.fixed_answers)))
        return
    from benchmarks.checkouts import ROOT, checkout, run_with

    if not options.old:
        parser.error("wanted the folder of another checkout of weaklab")
    names = list(options.names)
    new_one = ROOT if not names or names[0] in PROJECTS else checkout(names.pop(0))
    if unknown := [name for name in names if name not in PROJECTS]:
        parser.error(f"no project named {unknown[0]!r}; there are {', '.join(PROJECTS)}")
    flags = ["--fixed-answers"] if options.fixed_answers else []
    print(f"{'':<24}" + "".join(f"{kind:<16}" for kind in KINDS).rstrip())
    differs = False
    for name in names or PROJECTS:
        sides = (checkout(options.old), new_one)
        old, new_ = (json.loads(run_with(side, __file__, "--play", name, *flags)) for side in sides)
        found = compare(old, new_)
        differs |= any(found.values())
        print("\n".join(show(name, found)), flush=True)
    sys.exit(int(differs))


if __name__ == "__main__":
    main()
