"""What every journal must fulfil; each test runs on all of them."""

import threading

import pytest

from weaklab.core.errors import ProjectError
from weaklab.core.events import LABEL, SKIP, UNDO, Event
from weaklab.project.journal import ImportRow, Lease, MemberRow, MemoryJournal
from weaklab.project.sqlite_journal import SqliteJournal


@pytest.fixture(params=["memory", "sqlite"])
def journal(request, tmp_path):
    made = MemoryJournal() if request.param == "memory" else SqliteJournal(tmp_path)
    yield made
    made.close()


def given(record, value, **about):
    return Event(LABEL, record, value, annotator="Ann", session="s", **about)


def test_events_come_back_with_numbers_from_one_and_a_time(journal):
    first, second = journal.append([given("a", "spam"), given("b", "ham")])
    assert (first.id, second.id) == (1, 2)
    assert first.at
    assert journal.events() == [first, second]
    assert journal.events(1) == [second]
    assert journal.events(0, 1) == [first]
    assert journal.last_event() == 2


def test_answers_are_any_json_value(journal):
    answers = ["spam", ["a", "b"], [[0, 5, "PER"]], {"stars": 4}, "ünï\u2028\x00", 1.5, None]
    journal.append([given(str(number), answer) for number, answer in enumerate(answers)])
    assert [event.value for event in journal.events()] == answers


def test_an_event_that_is_no_json_value_is_refused_and_nothing_is_written(journal):
    with pytest.raises(TypeError):
        journal.append([given("a", "spam"), given("b", object())])
    assert journal.events() == []


def test_many_events_are_written_as_they_come_all_or_none(journal):
    journal.append_all(given(f"r{number}", "spam") for number in range(1200))
    assert [(event.id, event.record) for event in journal.events()] == [(n + 1, f"r{n}") for n in range(1200)]
    assert all(event.at for event in journal.events())

    def broken():
        yield given("a", "spam")
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        journal.append_all(broken())
    assert journal.last_event() == 1200
    journal.append_all([])
    assert journal.append([given("a", "ham")])[0].id == 1201


def test_events_of_some_records_and_newest_first(journal):
    stored = journal.append([given(f"r{number % 3}", "spam") for number in range(700)])
    assert [event.id for event in journal.events_of(["r1", "nothing"])] == [e.id for e in stored if e.record == "r1"]
    assert journal.events_of([]) == []
    assert list(journal.newest_first()) == stored[::-1]
    assert list(journal.newest_first(after=650)) == stored[:649:-1]
    first = journal.append([Event(SKIP, 'say "Ann"', annotator="Bob"), Event(SKIP, "r1", annotator='B"\\ö')])
    undone = journal.append([Event(UNDO, "r1", undoes=3, annotator="Eve")])
    assert list(journal.newest_first('B"\\ö')) == [*undone, first[1]]
    assert list(journal.newest_first("Ann", after=699)) == [*undone, stored[-1]]
    assert list(journal.newest_first("Ann", after=703)) == []
    assert len(journal.events_of([f"x{number}" for number in range(2000)])) == 0


def test_a_transaction_is_kept_whole_or_not_at_all(journal):
    def stopped():
        with journal.transaction():
            journal.append([given("a", "spam")])
            journal.put("fact", 1)
            raise ProjectError("stopped")

    with pytest.raises(ProjectError, match="stopped"):
        stopped()
    assert journal.events() == []
    assert journal.get("fact") is None
    with journal.transaction():
        journal.append([given("a", "spam")])
        journal.put("fact", {"is": [1, None]})
    assert journal.last_event() == 1
    assert journal.get("fact") == {"is": [1, None]}


def test_the_version_changes_with_what_is_written(journal):
    before = journal.version()
    assert journal.version() == before
    journal.append([given("a", "spam")])
    assert journal.version() != before


def test_the_mark_of_an_event_tells_journals_apart(journal):
    journal.append([given("a", "spam"), given("a", "ham")])
    assert journal.mark(1) != journal.mark(2)
    assert journal.mark(1) == journal.mark(1)


def test_a_lease_keeps_a_record_from_other_sessions(journal):
    rows = [Lease("a", "margin", 0.5, 1.0), Lease("b", "margin", 0.4, 1.0)]
    assert journal.lease(rows[:1], "one", 900, 0) == {"a"}
    assert journal.lease(rows, "two", 900, 0) == {"b"}
    assert journal.lease(rows, "one", 900, 0) == {"a"}
    assert journal.leased_by_others("one", 900) == {"b"}
    assert journal.leased_by_others("one", 0) == set()
    journal.release("two")
    assert journal.lease(rows, "one", 900, 0) == {"a", "b"}
    journal.release("one", ["b", "c"])
    assert journal.lease(rows, "two", 900, 0) == {"b"}


def test_a_record_with_a_newer_event_is_not_leased(journal):
    journal.append([given("a", "spam")])
    row = [Lease("a", "margin", 0.5, 1.0)]
    assert journal.lease(row, "one", 900, 0) == set()
    assert journal.lease(row, "one", 900, 1) == {"a"}


def test_members_keep_their_place(journal):
    journal.put_member(MemberRow("one", {"regex": "x"}, "1", "here"))
    journal.put_member(MemberRow("two", None, "2", "there"))
    journal.put_member(MemberRow("one", None, "3", "elsewhere"))
    assert journal.members() == [MemberRow("one", None, "3", "elsewhere"), MemberRow("two", None, "2", "there")]
    journal.drop_member("one")
    assert [row.name for row in journal.members()] == ["two"]


def test_extra_records_are_kept_once(journal):
    journal.add_extra_records([("a", "stream", b"1"), ("b", "synthetic", b"2")])
    journal.add_extra_records([("a", "stream", b"other")])
    assert journal.extra_records() == [(1, "a", "stream", b"1"), (2, "b", "synthetic", b"2")]
    assert [name for _, name, _, _ in journal.extra_records(1)] == ["b"]


def test_an_import_can_take_the_place_of_another(journal):
    rows = [ImportRow(name, f"{name}.csv", 3, f"2026-01-0{day}", None) for day, name in enumerate(("x", "y"), 1)]
    for row in rows:
        journal.put_import(row)
    journal.put_import(ImportRow("z", "z.csv", 4, "2026-02-02", "[]"), instead_of="x")
    assert journal.imports() == [ImportRow("z", "z.csv", 4, "2026-01-01", "[]"), rows[1]]
    with pytest.raises(ProjectError, match="has no import 'x'; there are z, y"):
        journal.put_import(rows[0], instead_of="x")


def test_threads_write_at_once_and_nothing_is_lost(journal):
    def write(name):
        for number in range(20):
            journal.append([Event(SKIP, f"{name}{number}", annotator=name), Event(UNDO, annotator=name, undoes=1)])

    threads = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = journal.events()
    assert [event.id for event in events] == list(range(1, 121))
    assert len({event.record for event in events if event.kind == SKIP}) == 60


def test_two_connections_see_each_other(tmp_path):
    one, two = SqliteJournal(tmp_path), SqliteJournal(tmp_path)
    before = two.version()
    one.append([given("a", "spam")])
    assert two.version() != before
    assert [event.record for event in two.events()] == ["a"]
    one.close(), two.close()
