"""The map of a corpus: two coordinates for each record."""

import numpy as np
import pytest

import weaklab as wl
from weaklab.core.errors import ProjectError, WeaklabError
from weaklab.features import plane as module
from weaklab.features.plane import plane


def groups(n, seed=0):
    """Return records of 6 groups in 20 dimensions, rows of length 1, and the group of each."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 6, n)
    E = np.random.default_rng(99).normal(size=(6, 20))[group] + 0.5 * rng.normal(size=(n, 20))
    return (E / np.linalg.norm(E, axis=1, keepdims=True)).astype(np.float32), group


def share_of_neighbours_in_the_same_group(places, group):
    distance = ((places[:, None] - places[None]) ** 2).sum(axis=2)
    np.fill_diagonal(distance, np.inf)
    return (group[np.argsort(distance, axis=1)[:, :5]] == group[:, None]).mean()


@pytest.fixture
def few_landmarks(monkeypatch):
    monkeypatch.setattr(module, "LANDMARKS", 150)


def test_groups_stay_together_landmarks_or_not(few_landmarks):
    E, group = groups(600)
    places = plane(E)
    assert share_of_neighbours_in_the_same_group(places, group) > 0.95
    assert np.abs(places).max() == pytest.approx(1)
    assert places.dtype == np.float32
    assert len(np.unique(places, axis=0)) == 600


def test_the_same_records_get_the_same_places_in_any_order(few_landmarks):
    E, _ = groups(300)
    keys = np.arange(300, dtype=np.uint64)
    assert np.array_equal(plane(E, keys), plane(E, keys))
    back = keys[::-1].copy()
    assert np.allclose(plane(E[::-1], back)[::-1], plane(E, keys), atol=1e-4)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 8])
def test_few_records_have_places_too(n):
    places = plane(np.eye(max(n, 1), 4, dtype=np.float32)[:n])
    assert places.shape == (n, 2)
    assert np.isfinite(places).all()


def test_equal_records_and_empty_ones_are_no_error(few_landmarks):
    assert np.isfinite(plane(np.zeros((200, 5), dtype=np.float32))).all()
    with pytest.raises(WeaklabError, match="finite numbers"):
        plane(np.full((3, 2), np.nan))


def test_a_project_keeps_its_map_until_the_records_change(tmp_path):
    texts = [f"{'prize win' if i % 2 else 'lunch noon'} {i}" for i in range(60)]
    with wl.Project(tmp_path / "p", labels=["ham", "spam"], timeout=None) as project:
        project.add_records([{"id": str(i), "text": text} for i, text in enumerate(texts)], quiet=True)
        first = project.map()
        assert first["id"].tolist() == [str(i) for i in range(60)]
        assert share_of_neighbours_in_the_same_group(first[["x", "y"]].to_numpy(), np.arange(60) % 2) > 0.9
        kept = list((project.path / "cache").glob("embedding-plane-*.npy"))
        assert len(kept) == 1
    with wl.Project(tmp_path / "p") as again:
        assert again.map().equals(first)
        again.add_records([{"id": "new", "text": "lunch again"}], quiet=True)
        assert len(again.map()) == 61


def test_records_without_text_and_numbers_have_no_map(tmp_path):
    with wl.Project(tmp_path / "p", labels=["ham", "spam"], timeout=None) as project:
        project.add_records([{"id": str(i), "k": "ab"[i % 2]} for i in range(10)], text=[], quiet=True)
        with pytest.raises(ProjectError, match="nothing to map"):
            project.map()
