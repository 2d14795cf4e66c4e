"""Explanations: the contributions of the members add up to the log-odds of the label model."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import weaklab
from weaklab.core.errors import WeaklabError
from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.core.rows import softmax
from weaklab.core.votes import Votes
from weaklab.label_models import LABEL_MODELS, LabelModel
from weaklab.training.explanations import Explanation, Part, explain

WEIGHTS = np.array([2.0, 1.0, 0.5])
ADDITIVE = [
    LABEL_MODELS[name]
    for name in LABEL_MODELS.names()
    if LABEL_MODELS[name]._contributions is not LabelModel._contributions
]


class Sum(LabelModel):
    """Three weighted votes, the logarithm of a classifier's scores, a member of its own, and a bias."""

    built_in_classifier = "words"

    def _fit(self, votes, y):
        self.bias_ = np.linspace(0.0, 0.4, self.n_classes_)

    def _contributions(self, votes):
        L = votes.L
        parts = np.zeros((len(L), L.shape[1] + 2, self.n_classes_))
        for j, weight in enumerate(WEIGHTS[: L.shape[1]]):
            rows = np.flatnonzero(L[:, j] != ABSTAIN)
            parts[rows, j, L[rows, j]] = weight
        for j, scores in votes.scores.items():
            parts[:, j] = np.log(scores)
        parts[:, -2, 0] = 0.1
        parts[:, -1] = self.bias_
        return parts

    def _proba(self, votes):
        return softmax(self._contributions(votes).sum(axis=1))


@st.composite
def votes_of_three(draw):
    n, k = draw(st.integers(1, 8)), draw(st.integers(2, 4))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    return (
        rng.integers(-1, k, (n, 3)),
        {2: rng.dirichlet(np.ones(k), n)},
        {1: rng.uniform(0.2, 1.0, n)},
        rng.integers(-1, k, n),
        k,
    )


@settings(max_examples=60, deadline=None)
@given(votes_of_three(), st.sampled_from([Sum, *ADDITIVE]))
def test_the_softmax_of_the_contributions_is_what_the_model_says(drawn, model):
    L, scores, confidence, y, k = drawn
    if model is Sum:
        confidence = {}
    votes = Votes(L, scores, confidence)
    fitted = model(n_classes=k).fit(votes, y)
    parts = fitted.contributions(votes)
    assert parts.shape == (len(L), 3 + (fitted.built_in_classifier is not None) + 1, k)
    np.testing.assert_allclose(softmax(parts.sum(axis=1)), fitted.predict_proba(votes), rtol=0, atol=1e-9)


def test_a_record_without_votes_gets_the_bias_alone():
    model = LABEL_MODELS["committee"](class_balance=[0.8, 0.2]).fit([[0, 1], [1, -1], [-1, -1]])
    parts = model.contributions([[-1, -1]])
    assert not parts[0, :-1].any()
    np.testing.assert_allclose(softmax(parts.sum(axis=1)), model.predict_proba([[-1, -1]]), atol=1e-12)


def test_explanation_lists_contributions_largest_first_and_adds_up():
    labels = LabelNames(["ham", "spam"])
    scores = {2: np.array([[0.4, 0.6]], dtype=np.float32)}
    votes = Votes([[1, 0, 1]], scores, names=["link", "short", "bayes"], labels=labels)
    model = Sum(n_classes=2).fit(votes)
    found = explain(model, votes, 0, text="see http://x")
    assert [(part.member, part.vote) for part in found.parts] == [
        ("link", "spam"), ("short", "ham"), ("bayes", "spam"), ("(every record)", None), ("words", None),
    ]  # fmt: skip
    assert [part.log_odds for part in found.parts] == pytest.approx([2.0, -1.0, np.log(0.6 / 0.4), 0.4, -0.1])
    assert found.parts[2].confidence == pytest.approx(0.6)
    assert (found.label, found.runner_up, found.tied) == ("spam", "ham", False)
    assert found.log_odds == pytest.approx(np.log(found.probability / found.runner_up_probability), abs=1e-9)


def test_abstaining_members_are_counted_and_not_listed():
    votes = Votes([[0, -1, -1]], names=["link", "short", "bayes"], labels=LabelNames(["ham", "spam"]))
    found = explain(Sum(n_classes=2).fit(votes.L), votes, 0)
    assert found.silent == 2
    assert "short" not in repr(found)
    assert "2 others abstain" in repr(found)


def test_model_without_contributions_names_models_with_them():
    with pytest.raises(WeaklabError, match=r"MajorityVote does not add up .* 'committee'"):
        LABEL_MODELS["majority_vote"]().fit([[0, 1]]).contributions([[0, 1]])


def test_contributions_check_what_comes_in():
    model = Sum(n_classes=2).fit([[0, 1, 1]])
    with pytest.raises(WeaklabError, match="fitted on 3 heuristics, got 2"):
        model.contributions([[0, 1]])


def test_html_shows_no_markup_of_a_record():
    found = Explanation(
        "<i>", "<script>", "a", "b", 0.9, 0.1, [Part("<b>", "a", None, 2.0), Part("less", "b", 0.5, -1.0)]
    )
    shown = found._repr_html_()
    assert "<script>" not in shown
    assert "&lt;b&gt;" in shown
    assert "-1.000" in shown


@pytest.fixture
def project(tmp_path):
    with weaklab.Project(tmp_path / "p", labels=["ham", "spam"], timeout=None, retrain_every=0) as made:
        texts = {"a": "win a prize", "b": "prize lunch", "c": "lunch at noon", "d": "hello"}
        made.add_records([{"id": name, "text": text} for name, text in texts.items()])
        made.add(weaklab.keywords("spam", ["prize"], name="prizes"))
        made.add(weaklab.keywords("ham", ["lunch"], name="meals"))
        yield made


def test_a_project_explains_a_record(project):
    found = project.explain("a")
    assert (found.label, found.text, found.manual) == ("spam", "win a prize", None)
    assert [(part.member, part.vote) for part in found.parts] == [("prizes", "spam")]
    row = project.labels().set_index("id").loc["a"]
    assert found.log_odds == pytest.approx(np.log(row.p_spam / row.p_ham), abs=1e-9)


def test_a_tie_and_a_manual_label_are_said(project):
    assert "Nothing tells the two labels apart" in repr(project.explain("d"))
    project.label("d", "ham")
    assert "A person's label, ham," in repr(project.explain("d"))


def test_of_equal_labels_the_first_is_named_as_by_predict():
    votes = Votes([[0, 1], [1, 2]], names=["one", "two"], labels=LabelNames(["a", "b", "c"]))
    model = LABEL_MODELS["committee"](n_classes=3).fit(votes.L)
    for row in range(2):
        found = explain(model, votes, row)
        assert found.tied
        assert found.label == votes.labels[model.predict(votes.L)[row]]
    assert (found.label, found.runner_up) == ("b", "c")


def test_an_unknown_record_is_named(project):
    with pytest.raises(WeaklabError, match="no record 'zz' among those of the corpus"):
        project.explain("zz")


def test_a_loop_explains_a_row_with_its_classifiers():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 90)
    X = np.eye(3)[truth] + rng.normal(0, 0.3, (90, 3))
    loop = weaklab.Loop(
        X, ["a", "b", "c"], L=np.where(rng.random(90) < 0.5, truth, -1)[:, None], classifiers=["logistic_regression"]
    )
    rows = np.arange(40)
    loop.label(rows, truth[rows])
    for row in (3, 60):
        found = loop.explain(row)
        first, second = (loop.labels.code(name) for name in (found.label, found.runner_up))
        assert first == loop.P[row].argmax()
        assert found.log_odds == pytest.approx(np.log(loop.P[row, first] / loop.P[row, second]), abs=1e-9)
        assert any(part.member == "logistic_regression" and 0 < part.confidence < 1 for part in found.parts)
    with pytest.raises(WeaklabError, match="no row 90: rows must be from 0 to 89"):
        loop.explain(90)


@pytest.mark.parametrize("name", sorted(set(LABEL_MODELS.names()) & {"committee", "weighted", "one_coin"}))
def test_the_smallest_turn_turns_the_label_and_no_smaller_one_does(name):
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 3, 300)
    right = rng.random((300, 6)) < 0.75
    L = np.where(right, truth[:, None], rng.integers(0, 3, (300, 6)))
    L = np.where(rng.random((300, 6)) < 0.7, L, ABSTAIN)
    votes = Votes(L, names=[f"m{j}" for j in range(6)], labels=LabelNames(["a", "b", "c"]))
    model = LABEL_MODELS[name](n_classes=3).fit(votes, np.where(np.arange(300) < 60, truth, ABSTAIN))
    best = model.predict_proba(votes).argmax(axis=1)
    turns = {row: explain(model, votes, row).turn for row in range(40)}
    assert sum(map(bool, turns.values())) > 20
    for row, turn in turns.items():
        changed = L[[row]].copy()
        for each in turn:
            j = votes.names.index(each.member)
            changed[0, j] = ABSTAIN if each.instead is None else votes.labels.code(each.instead)
        after = model.predict_proba(Votes(changed)).argmax(axis=1)[0]
        assert (after != best[row]) == bool(turn)
        if len(turn) > 1:  # to leave out one vote is not enough
            for j in range(6):
                fewer = L[[row]].copy()
                fewer[0, j] = ABSTAIN
                P = model.predict_proba(Votes(fewer))[0]
                assert P[best[row]] >= P.max() - 1e-9


def test_a_project_says_what_was_found_and_which_labeled_records_are_similar(tmp_path):
    with weaklab.Project(tmp_path / "p", labels=["ham", "spam"], timeout=None, retrain_every=0) as project:
        texts = [
            "Win a prize, a big prize",
            "win one prize today",
            "lunch at noon",
            "see you at lunch",
            "\x1b[1m prize",
        ]
        project.add_records([{"id": str(i), "text": text} for i, text in enumerate(texts)], quiet=True)
        project.add(weaklab.amend(weaklab.keywords("spam", ["prize"], name="offers"), unless=["lunch"]))
        project.add(weaklab.pattern("spam", r"^win", name="wins"))
        assert project.explain("0").similar == []
        project.label_many({"1": "spam", "2": "ham"})
        found = project.explain("0")
        assert [(each.member, each.text) for each in found.spans] == [
            ("offers", "prize"), ("offers", "prize"), ("wins", "Win"),
        ]  # fmt: skip
        assert all(texts[0][each.start : each.end] == each.text for each in found.spans)
        assert (found.similar[0].record, found.similar[0].label) == ("1", "spam")
        assert abs(sum(part.log_odds for part in found.parts) - found.log_odds) < 1e-9
        assert "offers found 'prize'" in repr(found)
        assert "\x1b" not in repr(project.explain("4")) + found._repr_html_()
