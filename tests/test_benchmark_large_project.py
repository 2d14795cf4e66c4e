"""The benchmark of large projects, on a small one."""

import pytest

from benchmarks import large_project
from benchmarks.checkouts import ROOT
from weaklab import Project


def test_two_checkouts_take_turns_and_projects_are_kept(tmp_path, capsys):
    sizes = ["--records", "300", "--labels", "40", "--new-labels", "60"]
    large_project.main([str(ROOT), str(ROOT), *sizes, "--turns", "1", "--keep", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["old: 300 records, 40 manual labels", "new: 300 records, 60 manual labels"]
    assert [line[:16].strip() for line in lines[3:]] == list(large_project.STEPS)
    with Project(tmp_path / "new-300-60") as project:
        assert len(project.manual_labels()) == 61  # one was given while it was measured
        assert set(project.history()["annotator"]) == {"import", "Ann"}
    made = (tmp_path / "new-300-60" / large_project.DONE).stat().st_mtime_ns
    large_project.built(ROOT, tmp_path, "new", 300, 60)
    assert (tmp_path / "new-300-60" / large_project.DONE).stat().st_mtime_ns == made


@pytest.mark.parametrize("step", large_project.STEPS)
def test_a_profile_names_functions(step, tmp_path):
    large_project.build(tmp_path / "p", 100, 20)
    said = large_project.profile(tmp_path / "p", step, lines=200)
    assert "cumulative time" in said
    assert "(label)" in said or step != "label"
    assert "manual_labels" in said or "open" not in step


def test_records_have_labels_in_the_order_of_their_numbers():
    (table,) = large_project.records(1000, 600)
    assert table["given"].notna().sum() == 600
    assert table["given"].iloc[:600].notna().all()
    assert table["text"].str.split().str.len().eq(8).all()
    says = table["text"].str.startswith("prize") & table["given"].notna()
    assert (table["given"][says] == "spam").all()


def test_a_checkout_is_wanted(capsys):
    with pytest.raises(SystemExit, match="2"):
        large_project.main([])
    assert "wanted the folder of another checkout" in capsys.readouterr().err
