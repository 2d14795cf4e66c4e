"""Several people label one project: whose answer is whose, what is shown to whom, and what undo takes back."""

import json
import threading
from collections import Counter
from contextlib import contextmanager

import pytest
from test_cli import run

import weaklab
from weaklab.core.errors import ProjectError, UnknownLabelError, WeaklabError

TEXTS = [f"{'prize' if i % 3 == 0 else 'lunch'} number {i} at {i % 7}" for i in range(90)]


@pytest.fixture
def project(tmp_path):
    with weaklab.Project(
        tmp_path / "p", labels=["ham", "spam"], timeout=None, share_answers=0, retrain_every=5
    ) as made:
        made.add_records([{"id": str(i), "text": text} for i, text in enumerate(TEXTS)])
        made.add(weaklab.keywords("spam", ["prize"]))
        made.weak_classifier("naive_bayes", features="tfidf")
        yield made


def truth(ask):
    return "spam" if "prize" in ask.text else "ham"


def standing(project):
    """Return (record, annotator, label) of the labels that stand."""
    frame = project.history()
    undone = set(frame.undoes.dropna())
    labels = frame[(frame.kind == "label") & ~frame.id.isin(undone)]
    return list(zip(labels.record, labels.annotator, labels.label, strict=True))


@pytest.mark.parametrize("background", [True, False])
def test_a_person_is_shown_every_record_once_and_the_last_answer_ends_the_queue(project, background):
    seen = []
    with project.session("Ann", batch=8, background=background) as session:
        while (ask := session.next()) is not None:
            assert session.next().id == ask.id
            seen.append(ask.id)
            session.answer(ask, truth(ask))
        assert session.state()["queue"] == []
    assert Counter(seen) == Counter(str(i) for i in range(90))
    assert project.manual_labels() == {str(i): "spam" if i % 3 == 0 else "ham" for i in range(90)}


def test_three_people_in_threads_get_different_records_and_their_own_answers(project):
    seen = {name: [] for name in ("Ann", "Bob", "Eve")}
    failed = []

    def work(name):
        try:
            with project.session(name, batch=5) as session:
                while len(seen[name]) < 25 and (ask := session.next()) is not None:
                    seen[name].append(ask.id)
                    session.answer(ask, truth(ask), seconds=0.5)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    shown = [record for records in seen.values() for record in records]
    assert len(shown) == len(set(shown)) == 75
    assert sorted(standing(project)) == sorted(
        (r, name, "spam" if int(r) % 3 == 0 else "ham") for name, rs in seen.items() for r in rs
    )


def test_undo_takes_back_the_answers_of_this_person_alone(project):
    with project.session("Ann") as ann, project.session("Bob") as bob:
        first = ann.next()
        ann.answer(first, "ham")
        other = bob.next()
        bob.answer(other, "spam")
        assert ann.undo().record == first.id
        assert ann.undo() is None
        assert standing(project) == [(other.id, "Bob", "spam")]
        assert ann.next().id == first.id


def test_undo_reaches_the_earlier_sessions_of_the_same_person_but_not_one_that_runs_beside(project):
    with project.session("Ann") as earlier:
        records = [earlier.next().id for _ in range(3) if earlier.answer(earlier.next(), "ham")]
    given = [record for record, _, _ in standing(project)]
    assert len(given) == 3
    assert len(records) == 3
    with weaklab.Project(project.path) as again, again.session("Ann") as session, again.session("Ann") as beside:
        kept = beside.next().id
        beside.answer(kept, "spam")
        assert [session.undo().record for _ in range(3)] == given[::-1]
        assert session.undo() is None
        assert standing(again) == [(kept, "Ann", "spam")]


def test_whether_something_can_be_undone_follows_what_is_done_elsewhere(project):
    project.label("1", "ham", annotator="Ann")
    with project.session("Ann", background=False) as ann:
        assert ann.state()["undo"]
        project.undo(annotator="Ann")
        assert not ann.state()["undo"]
        project.label("2", "ham", annotator="Ann")  # after the session began, and not in it
        assert not ann.state()["undo"]
        first, second = ann.answer("3", "ham"), ann.skip("4")
        assert ann.state()["undo"]
        project.undo(second.id)
        assert ann.undo().id == first.id
        assert ann.undo() is None


def test_redo_gives_the_answers_again_until_a_new_one_comes(project):
    with project.session("Ann") as session:
        for label in ("ham", "spam"):
            session.answer(session.next(), label)
        before = standing(project)
        session.undo(), session.undo()
        assert standing(project) == []
        assert [session.redo().label, session.redo().label] == ["ham", "spam"]
        assert standing(project) == before
        assert session.redo() is None
        session.undo()
        session.answer(session.next(), "ham")
        assert session.redo() is None


def test_a_skipped_record_stays_away_and_one_that_was_put_back_comes_after_the_others(project):
    with project.session("Ann", batch=3) as session:
        skipped = session.next().id
        session.skip()
        back = session.next().id
        session.requeue()
        rest = []
        while (ask := session.next()) is not None:
            rest.append(ask.id)
            session.answer(ask, truth(ask))
    assert skipped not in rest
    assert rest.count(back) == 1
    assert rest[0] != back
    assert len(rest) == 89


def test_the_state_is_json_and_says_where_the_session_stands(project):
    with project.session("Ann", batch=4) as session:
        for _ in range(12):
            ask = session.next()
            session.answer(ask, truth(ask))
        current = session.next()
        session.note("hard to say")
        state = json.loads(json.dumps(session.state()))
        assert state["given"]["total"] == 12 == sum(state["given"]["by_label"].values())
        assert state["current"]["id"] == current.id == state["queue"][0]
        assert state["undo"] is True
        assert state["redo"] is False
        assert state["training"]["labels"] >= 5
        assert session.notes() == [
            {"record": current.id, "text": "hard to say", "annotator": "Ann", "at": session.notes()[0]["at"]}
        ]


def test_a_share_of_the_records_is_labeled_by_two_people_who_do_not_see_a_suggestion(project):
    with project.session("Ann", overlap=0.5) as ann:
        for _ in range(40):
            ann.answer(ann.next(), "ham")
    twice = 0
    with project.session("Bob", overlap=0.5) as bob:
        while (ask := bob.next()) is not None:
            if ask.strategy == "second opinion":
                assert ask.blind
                twice += 1
            bob.answer(ask, "ham")
    people = Counter(Counter(record for record, _, _ in standing(project)).values())
    assert people[2] == twice
    assert 10 <= twice <= 30
    assert people[1] + people[2] == 90


def test_answers_to_records_outside_the_queue_and_mistakes(project):
    session = project.session("Ann")
    session.answer("7", "ham")
    assert standing(project) == [("7", "Ann", "ham")]
    with pytest.raises(ProjectError, match="no record '900' in the project"):
        session.answer("900", "ham")
    with pytest.raises(UnknownLabelError, match="'egg' is not a label"):
        session.answer("8", "egg")
    with pytest.raises(UnknownLabelError, match=r"use skip\(\)"):
        session.answer("8", None)
    with pytest.raises(WeaklabError, match="batch must be a whole number from 1, got 0"):
        project.session(batch=0)
    with pytest.raises(WeaklabError, match="overlap must be a share from 0 to 1, got 2"):
        project.session(overlap=2)
    session.close()
    with pytest.raises(ProjectError, match="this session is closed"):
        session.next()
    assert standing(project) == [("7", "Ann", "ham")]


def answer_all(session, count):
    for _ in range(count):
        ask = session.next()
        session.answer(ask, truth(ask))


@pytest.mark.parametrize("background", [True, False])
def test_the_state_estimates_the_accuracy_as_evaluation_does(project, background):
    from weaklab.evaluation.evaluation import accuracy_now
    from weaklab.project.quality import given_answers

    work = project.workspace
    with project.session("Ann", batch=5, strategy="random", background=background) as session:
        assert session.state()["accuracy"] == {
            "value": None,
            "low": None,
            "high": None,
            "random_answers": 0,
            "labels": 0,
            "reason": "not known yet (it is estimated after the committee was trained in a session)",
            "running": False,
        }
        answer_all(session, 5)
        session.next()
        work.accuracy.wait()
        few = json.loads(json.dumps(session.state()["accuracy"]))
        assert few["value"] is None
        assert "a figure takes 10" in few["reason"]
        answer_all(session, 40)
        session.next()
        work.accuracy.wait()
        assert session.state()["accuracy"]["value"] is not None
    # a batch that was being picked has now been picked: nothing but the next line trains, and on all answers
    with work.working:
        project.run(progress=False)
        state = work.state()
        work.accuracy.follow()
    work.accuracy.wait()
    assert work.trained is state
    found = json.loads(json.dumps(work.accuracy.as_json()))
    estimate = accuracy_now(work.cache.trainer(False), state, given_answers(work), lambda: None)
    assert found["reason"] is None
    assert found["low"] <= found["value"] <= found["high"]
    assert found["value"] == round(estimate.value, 4)
    assert found["low"] == round(estimate.low, 4)
    assert found["random_answers"] == estimate.n_audit >= 40
    assert found["labels"] >= 40


def test_the_state_never_estimates_by_itself_and_each_training_is_estimated_once(project, monkeypatch):
    from weaklab.training.trainer import Trainer

    fits = []
    cross_fitted = Trainer.cross_fitted

    def counting(trainer, state, *arguments):
        fits.append(state)
        return cross_fitted(trainer, state, *arguments)

    monkeypatch.setattr(Trainer, "cross_fitted", counting)
    work = project.workspace
    with project.session("Ann", batch=5, strategy="random", background=False) as session:
        for _ in range(30):
            answer_all(session, 1)
            work.accuracy.wait()
            before = len(fits)
            session.state()
            assert len(fits) == before
    assert len({id(state) for state in fits}) <= 6
    assert len(fits) <= 12  # twice each: to make the folds, and to read them


def test_the_terminal_prints_the_estimate_at_its_end(project):
    import io

    from weaklab.cli.terminal import label_in_terminal

    def read(prompt):
        project.workspace.accuracy.wait()
        return "1"

    out = io.StringIO()
    label_in_terminal(project, 30, batch=5, strategy="random", read=read, out=out)
    assert "of the committee's labels are estimated to be right" in out.getvalue().splitlines()[-1]


@contextmanager
def busy(work):
    """Hold what a training holds, in another thread."""
    done, held = threading.Event(), threading.Event()

    def hold():
        with work.working:
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_nobody_waits_for_a_training_that_runs(project):
    work = project.workspace
    with project.session("Ann", background=False) as ann:
        answer_all(ann, 8)  # the next question trains
        before = work.trained
    bob, shown = project.session("Bob"), []
    with busy(work):
        for _ in range(40):
            ask = bob.ahead(5, patience=0)[0]
            bob.answer(ask, truth(ask))
            shown.append(ask.id)
        assert bob.undo().record == shown[-1]
        assert bob.next().id == shown[-1]
        assert work.trained is before
    bob.close()
    assert len(set(shown)) == 40
    assert work.trained is not before


def test_what_others_have_labeled_is_not_shown_any_more(project):
    with project.session("Ann", background=False) as ann:
        ahead = [ask.id for ask in ann.ahead(6)]
        project.label_many(dict.fromkeys(ahead[2:5], "ham"))
        assert [ask.id for ask in ann.ahead(6)][:3] == [*ahead[:2], ahead[5]]
        project.label(ahead[0], "spam")
        assert ann.next().id == ahead[1]


def test_with_patience_the_first_record_comes_when_the_committee_is_there(project):
    with project.session("Ann") as ann:
        with busy(project.workspace):
            assert list(ann.ahead(5, patience=0.01)) == []
            assert ann.state()["training"]["running"]
        assert len(ann.ahead(5)) == 5


def test_named_records_are_shown_in_their_order(tmp_path):
    folder = tmp_path / "p"
    with weaklab.Project(folder, labels=["ham", "spam"], timeout=None, use_features=False) as project:
        ids = ["a,b", "1", "2", "3", "-4"]
        project.add_records([{"id": name, "text": f"text of {name}"} for name in ids], quiet=True)
        project.label("1", "ham")
        assert [ask.id for ask in project.ask(1, records=["3", "1", "2"], lease=False)] == ["3", "2"]
        with pytest.raises(ProjectError, match="no record 'x'"):
            project.ask(records=["x"])
        with project.session(records=["2", "1"], again=True, batch=1, background=False) as session:
            for name in ("2", "1"):
                assert session.next().id == name
                session.answer(name, "spam")
            assert session.next() is None
            assert session.undo().record == "1"
            assert session.next().id == "1"
    shown = run("label", folder, "--records", "3, 1", "--records", "a,b", "--records=-4", stdin="ham\n" * 3).stdout
    places = [shown.index(f"text of {name}") for name in ("3", "a,b", "-4")]
    assert places == sorted(places)
    assert "text of 2" not in shown
    assert "3 labels given" in shown
