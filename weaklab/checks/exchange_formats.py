"""Checks of the formats of other labeling tools."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.checks.expectations import CheckList, expect
from weaklab.checks.formats import NO_FILE
from weaklab.checks.samples import HARD_TEXTS, ODD_LABELS, ODD_TEXTS
from weaklab.core.errors import WeaklabError, WeaklabWarning
from weaklab.exchange.tools import Answer, Example, Format, Hints, Labeled
from weaklab.exchange.tools.base import GIVEN, SKIPPED, Voter

if TYPE_CHECKING:
    from collections.abc import Sequence

format_check = CheckList()


def check_format(form: Format) -> None:
    """Run all checks of formats of other tools.

    Parameters
    ----------
    form : an instance

    Raises
    ------
    AssertionError
        A check failed; the message says what was expected and what came.

    Examples
    --------
    >>> from weaklab.exchange.tools import format_of
    >>> check_format(format_of("prodigy"))
    """
    format_check.run(form)


def odd_records(form: Format, labels: Sequence[str] = ODD_LABELS) -> Labeled:
    """Return a record for each odd text and each label name: labeled by people or the committee, or skipped."""
    import numpy as np
    import pyarrow as pa

    texts = [text for text in (*ODD_TEXTS, *HARD_TEXTS) if text.strip() or not form.one_line]
    texts += [f"record {name}" for name in labels]
    n = len(texts)
    given = [labels[i % len(labels)] for i in range(n)]
    people = ("10", "Ann", "Zoë, B.")
    answers = {
        row: [Answer(GIVEN if row % 4 else SKIPPED, given[row] if row % 4 else None, people[row % 3], at=_AT)]
        for row in range(n)
        if row % 2 == 0
    }
    codes = np.array([i % len(labels) if i % 3 else -1 for i in range(n)])
    return Labeled(
        ids=pa.array([f"id {i}, #" for i in range(n)], pa.large_string()),
        text=pa.array(texts, pa.large_string()),
        columns={"source, #": pa.array([f"=1+{i}" for i in range(n)])},
        label=pa.array(given, pa.large_string()),
        score=pa.array([1 / (i + 1) for i in range(n)]),
        labels=tuple(labels),
        answers=answers,
        voters=[Voter("keywords, #", codes, np.ones(n))],
    )


_AT = "2026-01-31T12:00:00+00:00"


def _write(form: Format, labeled: Labeled, folder: str) -> Path:
    path = Path(folder) / f"labels{form.endings[0] if form.endings else ''}"
    with warnings.catch_warnings():
        if form.one_line:
            warnings.simplefilter("ignore", WeaklabWarning)  # it says that texts were changed
        form.write(labeled, path)
    return path


def _round_trip(form: Format, labeled: Labeled) -> list[Example]:
    with tempfile.TemporaryDirectory() as folder:
        path = _write(form, labeled, folder)
        return list(form.read(path, Hints(label_names=labeled.labels)))


@format_check
def check_texts_come_back(form: Format) -> None:
    """Ids and texts are the same after writing and reading, in their order."""
    labeled = odd_records(form)
    found = _round_trip(form, labeled)
    texts = list(labeled.text.to_pylist()) if labeled.text is not None else []
    if form.one_line:
        texts = [form.on_one_line(text) for text in texts]
    expect(len(found) == len(texts), f"expected {len(texts)} records, read {len(found)}")
    order = range(len(texts))
    if form.in_groups:  # as in a folder with a file for each label
        order = sorted(order, key=lambda row: texts[row])  # type: ignore[assignment]
        found = sorted(found, key=lambda each: each.text or "")
    for row, each in zip(order, found, strict=True):
        expect(each.text == texts[row], f"expected the text {texts[row][:60]!r}, read {(each.text or '')[:60]!r}")
        if form.holds_ids:
            expected = labeled.ids[row].as_py()
            expect(each.id == expected, f"expected the id {expected!r}, read {each.id!r}")


@format_check
def check_answers_come_back(form: Format) -> None:
    """The labels that people gave are the same after writing and reading, with the people where the format has them."""
    labeled = odd_records(form)
    texts = list(labeled.text.to_pylist()) if labeled.text is not None else []
    by_text: dict[str, list[Any]] = {}
    for each in _round_trip(form, labeled):
        gold = [] if each.gold is None else [(GIVEN, each.gold, "")]
        by_text[each.text or ""] = [(a.kind, a.value, a.annotator) for a in each.answers if a.kind == GIVEN] + gold
    for row, answers in labeled.answers.items():
        text = form.on_one_line(texts[row]) if form.one_line else texts[row]
        for answer in answers:
            wanted = (GIVEN, answer.value, answer.annotator if form.holds_people else "")
            if answer.kind == GIVEN:
                found = by_text[text]
                expect(wanted in found, f"record {text[:60]!r}: expected the answer {wanted}, read {found}")


@format_check
def check_own_file_is_recognised_by_no_other(form: Format) -> None:
    """A file that a format has written is recognised as that format, or as none."""
    from weaklab.exchange.tools import FORMATS, recognised

    with tempfile.TemporaryDirectory() as folder:
        path = _write(form, odd_records(form, ["ham", "spam"]), folder)
        found = recognised(path)
        own = found is None or isinstance(form, FORMATS[found])
        expect(own, f"expected that the file is recognised as {form.title} or not at all, got {found}")


@format_check
def check_broken_file_is_named(form: Format) -> None:
    """A file of another format is refused with a message that names it; any other error is a fault."""
    with tempfile.TemporaryDirectory() as folder:
        broken = Path(folder) / f"broken{form.endings[0] if form.endings else ''}"
        if form.endings:
            broken.write_bytes(NO_FILE)
        else:
            broken.mkdir()
        try:
            list(form.read(broken, Hints(label_names=("ham", "spam"))))
        except WeaklabError as error:
            expect("broken" in str(error), f"expected a message that names {broken.name}, got {str(error)!r}")
        except Exception as error:
            raise AssertionError(f"a broken file: expected CorpusError, got {type(error).__name__}: {error}") from error
        else:
            raise AssertionError(f"expected that {broken.name} is refused, it was read")
