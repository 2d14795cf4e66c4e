"""Rules that are proposed from labels, the committee and a selection, and written on acceptance."""

import numpy as np
import pytest

import weaklab as wl
from weaklab.core.errors import HeuristicError, ProjectError, WeaklabError
from weaklab.core.labels import LabelNames
from weaklab.core.votes import Votes
from weaklab.heuristics import load
from weaklab.label_models import CommitteeModel
from weaklab.project.rules import written
from weaklab.rules import Evidence, Rule, mine
from weaklab.rules.gain import Gains, shifted
from weaklab.rules.precision import Prior
from weaklab.rules.rule import python_name, source_of

LABELS = LabelNames(["ham", "spam"])
GOLD = np.arange(400) % 2


def texts(seed=0):
    """Half of the records are spam; 'prize' stands in most of the spam and in little else."""
    rng = np.random.default_rng(seed)
    found = []
    for code in GOLD.tolist():
        words = [f"w{rng.integers(40)}" for _ in range(6)]
        if rng.random() < (0.8 if code else 0.03):
            words.insert(3, "prize")
        if rng.random() < (0.04 if code else 0.6):
            words.insert(0, "see you")
        found.append(" ".join(words))
    return found


@pytest.fixture
def project(tmp_path):
    with wl.Project(tmp_path / "p", labels=list(LABELS), timeout=None, use_features=False) as project:
        project.add_records([{"id": f"r{i}", "text": text} for i, text in enumerate(texts())], quiet=True)
        project.label_many([(f"r{i}", int(GOLD[i])) for i in range(80)])
        yield project


def votes_of(rule, project):
    return np.concatenate([rule.heuristic.evaluate(b, LABELS).votes for b in project.corpus.batches()])


def test_the_words_that_were_planted_are_found_with_their_precision(project):
    rules = project.propose_rules(label="spam", most=20)
    [prize] = [rule for rule in rules if rule.says == "spam where the text has 'prize'"]
    truth = (GOLD[votes_of(prize, project) == 1] == 1).mean()
    assert prize.precision_low <= truth <= prize.precision_high
    assert prize.basis == "manual labels"
    assert prize.judged == sum("prize" in text for text in texts()[:80])
    assert {rule.label for rule in rules} == {"spam"}


def test_every_rule_votes_on_the_records_that_it_says(project):
    for rule in project.propose_rules(most=15):
        voted = votes_of(rule, project) >= 0
        assert voted.sum() == rule.records
        assert rule.coverage == rule.records / 400
        assert all(voted[int(name[1:])] for name in rule.examples)
        assert rule.precision_low <= rule.precision <= rule.precision_high
        assert rule.gain_low <= rule.gain <= rule.gain_high


@pytest.mark.parametrize(
    ("column", "says"),
    [
        ([float(code) for code in np.random.default_rng(1).normal(3 * GOLD)], 'spam where col("it") >= '),
        (["ab"[code] if i % 9 else "c" for i, code in enumerate(GOLD)], 'spam where col("it") == "b"'),
        ([bool(code) for code in GOLD], 'spam where col("it")'),
        ([None if code else 1 for code in GOLD], ""),
    ],
)
def test_columns_give_thresholds_and_values(tmp_path, column, says):
    with wl.Project(tmp_path / "p", labels=list(LABELS), timeout=None, use_features=False) as project:
        project.add_records([{"id": f"r{i}", "it": value} for i, value in enumerate(column)], text=[], quiet=True)
        project.label_many([(f"r{i}", int(GOLD[i])) for i in range(80)])
        rules = project.propose_rules()
        assert any(rule.says.startswith(says) for rule in rules) if says else rules is not None
        for rule in rules:
            project.accept_rule(rule)
        assert not project.load_errors


def test_no_rule_is_like_another_or_like_a_member(project):
    project.add(wl.keywords("spam", ["prize"]))
    held = [votes_of(rule, project) for rule in project.propose_rules(label="spam", most=15)]
    held.append(project.votes().L[:, 0])
    for a in range(len(held)):
        for b in range(a):
            both = ((held[a] >= 0) & (held[b] >= 0)).sum()
            assert both < 0.7 * ((held[a] >= 0) | (held[b] >= 0)).sum()


def test_rules_of_a_selection_hold_for_a_part_of_it_and_vote_its_label(project):
    chosen = [i for i, text in enumerate(texts()) if "see you" in text][:10]
    rules = project.propose_rules(records=[f"r{i}" for i in chosen])
    assert {rule.label for rule in rules} == {"ham"}
    assert {"ham where the text has 'see'", "ham where the text has 'you'"} & {rule.says for rule in rules}
    for rule in rules:
        assert (votes_of(rule, project)[chosen] >= 0).sum() >= 2
    assert [rule.says for rule in project.propose_rules(records=chosen)] == [rule.says for rule in rules]
    with pytest.raises(ProjectError, match="records must be a list of ids, row numbers or asks, got 3"):
        project.propose_rules(3)


def test_the_same_project_gets_the_same_rules(project):
    assert project.propose_rules().to_pandas().equals(project.propose_rules().to_pandas())


def test_random_answers_count_alone_when_there_are_ten(project):
    for ask in project.ask(60, strategy="random"):
        project.label(ask, int(GOLD[int(ask.id[1:])]))
    rules = [rule for rule in project.propose_rules(most=20) if rule.basis == "random answers"]
    assert rules
    assert all(10 <= rule.judged <= 60 for rule in rules)


def test_without_any_label_the_committee_alone_judges(tmp_path):
    with wl.Project(tmp_path / "p", labels=list(LABELS), timeout=None, use_features=False) as project:
        project.add_records(texts(), quiet=True)
        project.add(wl.keywords("spam", ["prize"]))
        project.add(wl.keywords("ham", ["see you"]))
        assert {rule.basis for rule in project.propose_rules()} <= {"committee"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"label": "eggs"}, "eggs"),
        ({"records": []}, "no record is selected"),
        ({"records": ["r9999"]}, "no record 'r9999'"),
        ({"records": [4000]}, "from 0 to 399"),
        ({"most": 0}, "at least 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(project, arguments, message):
    with pytest.raises(WeaklabError, match=message):
        project.propose_rules(**arguments)


# ---- acceptance


def test_an_accepted_rule_is_a_file_that_loads_and_votes(project):
    rules = project.propose_rules(most=8)
    before = {rule.name: votes_of(rule, project) for rule in rules}
    for rule in rules:
        member = project.accept_rule(rule)
        assert (project.path / "labeling_functions" / f"{member.name}.py").read_text() == rule.source
        assert member.location.endswith(".py:5") or ".py:" in member.location
    assert not project.load_errors
    L = project.votes().L
    for j, name in enumerate(project.committee.names):
        assert (L[:, j] == before[name]).all()
    again = {rule.says for rule in project.propose_rules(most=20)}
    assert not again & {rule.says for rule in rules}


def test_no_file_is_overwritten(project):
    [rule] = project.propose_rules(most=1)
    folder = project.path / "labeling_functions"
    folder.mkdir(exist_ok=True)
    (folder / f"{rule.name}.py").write_text("# mine\n")
    assert project.accept_rule(rule).name == f"{rule.name}_2"
    assert (folder / f"{rule.name}.py").read_text() == "# mine\n"
    assert project.accept_rule(rule).name == f"{rule.name}_3"
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith(".")) == []


def test_a_file_system_without_hard_links_is_no_obstacle(tmp_path, monkeypatch):
    def refused(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refused)
    assert written(tmp_path / "a.py", "x = 1\n")
    assert not written(tmp_path / "a.py", "x = 2\n")
    assert (tmp_path / "a.py").read_text() == "x = 1\n"


def test_a_project_that_runs_no_code_accepts_no_rule(project):
    [rule] = project.propose_rules(most=1)
    with wl.Project(project.path, run_code=False) as careful, pytest.raises(ProjectError, match="without running code"):
        careful.accept_rule(rule)


@pytest.mark.parametrize("name", ["two words", "class", "../up", "", "1st"])
def test_a_name_that_is_no_python_name_is_refused(project, name):
    [rule] = project.propose_rules(most=1)
    with pytest.raises(ProjectError, match="cannot be the name of a rule"):
        project.accept_rule(rule, name)


NASTY = ['"""', "\\", "a\nimport os", "\u202e", "é'\"", "{x}", "#", "\x00"]


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize(
    "make",
    [
        lambda text: wl.keywords(text, [text + "x", "b"], case=True, column=text),
        lambda text: wl.pattern(text, "a" + "".join(f"[{c}]" if c.isalnum() else "" for c in text)),
        lambda text: wl.pattern("spam", r"\bfree\b.*[\"']$", flags=0, column=text),
        lambda text: wl.where(text, (wl.col(text) > 1.5) & ~wl.col("text").contains(text)),
    ],
)
def test_source_makes_the_same_heuristic_again_whatever_the_texts(tmp_path, make, text):
    heuristic = make(text)
    heuristic.name = python_name(heuristic.name)
    rule = Rule(heuristic, heuristic.label, 3, 0.1, 0.9, 0.8, 0.95, 4, 5, "manual labels", 0.01, 0.0, 0.02, 1)
    (tmp_path / "rule.py").write_text(source_of(rule), encoding="utf-8")
    loaded = load(tmp_path)
    assert not loaded.errors
    [again] = loaded.heuristics
    assert again.fingerprint == heuristic.fingerprint
    assert again.name == heuristic.name


def test_a_rule_survives_json(project):
    import json

    [rule] = project.propose_rules(most=1)
    again = Rule.from_dict(json.loads(json.dumps(rule.to_dict())))
    assert again.to_dict() == rule.to_dict()
    assert project.accept_rule(again).fingerprint == rule.heuristic.fingerprint
    with pytest.raises(HeuristicError, match="this is no rule"):
        Rule.from_dict({"spec": {"kind": "column"}})


# ---- the figures


def test_intervals_of_rules_that_were_chosen_hold_at_their_rate():
    """Of 2,000 rules with few labels the best looking ones are picked; a plain interval would be far too high."""
    inside, plain, picked = 0, 0, 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        truth = rng.beta(2, 2, 2000)
        n = rng.integers(1, 6, 2000)
        right = rng.binomial(n, truth)
        flat = np.full(2000, 0.5)
        prior = Prior.fitted(right, n, flat, flat)
        mean, low, high = prior.estimate(right, n, flat, flat)
        best = np.argsort(-mean, kind="stable")[:20]
        inside += ((low <= truth) & (truth <= high))[best].sum()
        plain += ((right + 1) / (n + 2) - truth)[best].sum()
        picked += 20
    assert inside / picked > 0.93
    assert plain / picked > 0.05


def test_expectations_that_labels_contradict_count_less():
    rng = np.random.default_rng(0)
    n = np.full(500, 10)
    flat = np.full(500, 0.5)
    expected = rng.random(500)
    good = Prior.fitted(rng.binomial(n, expected), n, expected, flat)
    bad = Prior.fitted(rng.binomial(n, 0.5), n, expected, flat)
    assert good.slope >= 0.75
    assert bad.slope == 0.0


def test_shifted_probabilities_have_the_wanted_mean_and_still_sum_to_one():
    P = np.random.default_rng(0).dirichlet(np.ones(4), 50)
    found = shifted(P, 2, 0.7)
    assert found[:, 2].mean() == pytest.approx(0.7)
    assert found.sum(axis=1) == pytest.approx(np.ones(50))


def planted(seed=0, n=2000):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    right = rng.random((n, 3)) < [0.75, 0.75, 0.7]
    L = np.where(rng.random((n, 3)) < 0.6, np.where(right, y[:, None], 1 - y[:, None]), -1).astype(np.int8)
    given = np.full(n, -1)
    given[:100] = y[:100]
    return y, L, given


def test_a_good_rule_brings_what_was_said_and_chance_brings_nothing():
    y, L, given = planted()
    model = lambda: CommitteeModel(n_classes=2)  # noqa: E731
    P = model().fit_predict_proba(L, given)
    gains = Gains(Votes(L), P, given, model, given >= 0)
    rng = np.random.default_rng(3)
    good = np.flatnonzero((y == 1) & (rng.random(len(y)) < 0.4)).astype(np.int32)
    gain = gains.of(good, 1, (0.98, 0.95, 1.0), given >= 0)
    with_it = np.where(np.isin(np.arange(len(y)), good), 1, -1).astype(np.int8)
    after = model().fit_predict_proba(np.column_stack([L, with_it]), given)
    actual = (after.argmax(axis=1) == y)[100:].mean() - (P.argmax(axis=1) == y)[100:].mean()
    assert gain.mean > 0.01
    assert gain.mean == pytest.approx(actual, abs=0.02)
    chance = np.flatnonzero(rng.random(len(y)) < 0.4).astype(np.int32)
    assert gains.of(chance, 1, (0.5, 0.4, 0.6), given >= 0).mean < 0.005


def test_a_sample_stands_for_all_records():
    corpus = wl.read([{"id": i, "text": text} for i, text in enumerate(texts())])
    y = np.where(np.arange(400) < 40, GOLD, -1)
    none = np.zeros(400, dtype=bool)
    known = Evidence(Votes(np.empty((400, 0), dtype=np.int8)), np.full((400, 2), 0.5), y, none, CommitteeModel)
    alone = mine(corpus.take(np.arange(400)), LABELS, known, most=3)
    sampled = mine(corpus.take(np.arange(400)), LABELS, known, most=3, records=4000)
    assert [rule.records for rule in sampled] == [10 * rule.records for rule in alone]
    assert [rule.coverage for rule in sampled] == [rule.coverage for rule in alone]


def test_what_the_committee_says_anyway_is_proposed_only_when_it_is_asked_for():
    corpus = wl.read([{"id": i, "text": text} for i, text in enumerate(texts())])
    table, y = corpus.take(np.arange(400)), np.where(np.arange(400) < 80, GOLD, -1)
    for right, proposed in ((0.97, False), (0.65, True)):
        said = np.where(np.random.default_rng(1).random(400) < right, GOLD, 1 - GOLD)
        P = np.where(said[:, None] == [0, 1], right, 1 - right)
        known = Evidence(
            Votes(said[:, None].astype(np.int8), names=["a"]), P, y, y >= 0, lambda: CommitteeModel(n_classes=2)
        )
        rules = mine(table, LABELS, known)
        assert bool(rules) == proposed
        assert all(rule.gain > 0 for rule in rules)
        assert mine(table, LABELS, known, label="spam", most=3)
