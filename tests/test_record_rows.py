"""Row numbers of records, with and without the table."""

import pytest

import weaklab
from weaklab.core.errors import ProjectError
from weaklab.project.record_rows import RecordRows


def test_a_few_records_are_found_without_the_table_and_with_it():
    rows = RecordRows(["a", "b", "c"])
    assert rows.of(["c", "x"]) == {"c": 2}
    assert "_table" not in vars(rows)
    assert rows.of(["c", "x"])["c"] == 2
    assert "_table" in vars(rows)
    assert dict(rows) == dict(rows.items()) == {"a": 0, "b": 1, "c": 2}
    assert rows.keys() == {"a", "b", "c"}
    assert (rows["b"], rows.get("x"), "x" in rows, len(rows)) == (1, None, False, 3)


def test_an_id_that_is_there_twice_is_an_error_that_names_the_place():
    rows = RecordRows(["a", "b", "a"], "project/corpus")
    for look_up in (rows.prepare, lambda: rows["a"], lambda: "b" in rows):
        with pytest.raises(ProjectError, match=r"^project/corpus: 1 record ids are there twice"):
            look_up()


def test_a_project_with_many_labels_opens_without_the_table_and_knows_later_labels(tmp_path):
    with weaklab.Project(tmp_path, labels=["ham", "spam"], timeout=None, retrain_every=0) as project:
        rows = [{"id": f"r{i}", "text": f"text {i}", "given": "spam" if i % 2 else "ham"} for i in range(2100)]
        rows += [{"id": "x", "text": "later", "given": None}, {"id": "y", "text": "never", "given": None}]
        project.add_records(rows, text="text", id="id", label="given", quiet=True)
        project.label("x", "spam")
        project.label("r1", "ham")
        expected = project.manual_labels()
    with weaklab.Project(tmp_path) as project:
        assert project.manual_labels() == expected
        assert (expected["x"], expected["r1"], len(expected)) == ("spam", "ham", 2101)
        assert "_table" not in vars(project.workspace.rows)
        project.label("y", "ham")
        assert project.manual_labels() == expected | {"y": "ham"}
