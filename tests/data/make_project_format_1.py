"""The program that made the folder project_format_1 beside it, with weaklab as of commit 26b898d.

It is kept to show what the sample holds; a later weaklab writes another format.
"""

import shutil
import sqlite3
import sys
from pathlib import Path

import weaklab

FUNCTION = '''"""A labeling function in a file."""

import weaklab


@weaklab.labeling_function
def many_digits(record):
    return "spam" if sum(letter.isdigit() for letter in record["text"]) > 3 else None
'''
FIRST = [
    {"id": "a1", "text": "win a prize today", "length": 17, "truth": "spam", "given": None},
    {"id": "a2", "text": "lunch at noon", "length": 13, "truth": "ham", "given": None},
    {"id": "a3", "text": "call 0800 1234 for a free prize", "length": 31, "truth": "spam", "given": None},
    {"id": "a4", "text": "see you at lunch", "length": 16, "truth": "ham", "given": "ham"},
    {"id": "a5", "text": "the meeting starts at nine", "length": 26, "truth": "ham", "given": None},
    {"id": "a6", "text": "your prize is waiting", "length": 21, "truth": "spam", "given": None},
]
SECOND = [  # the same columns in another order
    {"truth": "spam", "given": None, "text": "prize draw number 4711", "id": "b1", "length": 22},
    {"truth": "ham", "given": None, "text": "lunch was good", "id": "b2", "length": 14},
    {"truth": "ham", "given": None, "text": "is the report ready?", "id": "b3", "length": 20},
    {"truth": "spam", "given": None, "text": "cheap watches, 50 off", "id": "b4", "length": 21},
    {"truth": "ham", "given": None, "text": "Grüße aus Köln", "id": "b5", "length": 14},
    {"truth": "ham", "given": None, "text": "running late, start lunch without me", "id": "b6", "length": 36},
]


def make(folder: Path) -> None:
    with weaklab.Project(folder, labels=["ham", "spam"], annotator="Ann", timeout=None, retrain_every=0) as project:
        (folder / "labeling_functions" / "digits.py").write_text(FUNCTION)
        assert not project.reload()
        project.add_records(FIRST, text="text", id="id", gold="truth", label="given")
        project.add(weaklab.keywords("spam", ["prize"], name="prize"))
        project.add(weaklab.keywords("ham", ["lunch", "meeting"], name="lunch"))
        project.run(progress=False)
        project.label("a1", "spam", seconds=1.5)
        project.label("a2", "ham")
        project.label("a5", "spam")
        project.undo()
        project.label("a6", "ham")
    with weaklab.Project(folder, annotator="Bob") as project:
        project.add_records(SECOND, text="text", id="id", gold="truth", label="given")
        project.label_many([("b1", "spam"), ("b2", "ham"), ("a6", "spam"), ("a1", "spam")])
        project.skip("b3")
        project.skip("b4")
        project.requeue("b4")
        ask = project.ask(1)[0]
        project.label(ask, "ham")
        streamed = next(iter(project.stream([f"a free prize for 1234{i} friends" for i in range(40)], budget=0.9)))
        project.label(streamed, "spam")
        project.run(progress=False)
    shutil.rmtree(folder / "cache", ignore_errors=True)
    with sqlite3.connect(folder / "weaklab.db") as database:
        database.execute("PRAGMA journal_mode=DELETE")
        database.execute("PRAGMA page_size=1024")  # only to keep the file small
        database.commit()
        database.execute("VACUUM")
    database.close()


if __name__ == "__main__":
    make(Path(sys.argv[1]))
