"""Projects as earlier versions left them."""

import json
import sqlite3


def to_format_1(folder, late=("pool_size", "asked_after")):
    """Make a project as versions without checksums left it; the first ones had no ``late`` columns."""
    db = sqlite3.connect(folder / "weaklab.db")
    there = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
    for table in there & {"meta", "imports", "members", "outside"}:
        db.execute(f"ALTER TABLE {table} DROP COLUMN sum")
    held = [(number, json.loads(data)) for number, data in db.execute("SELECT id, data FROM events")]
    db.execute("DROP TABLE events")
    names = ("kind", "record", "label", "undoes", "annotator", "session", "at", "seconds", "suggestion",
             "suggestion_confidence", "suggestion_shown", "picked_by", "pick_probability", *late)  # fmt: skip
    db.execute(f"CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, {', '.join(names)})")
    for number, event in held:
        event["label"] = event.pop("value", None)
        values = (number, *(event.get(name) for name in names))
        db.execute(f"INSERT INTO events VALUES ({', '.join('?' * len(values))})", values)
    db.execute("ALTER TABLE imports DROP COLUMN parts")
    db.execute("UPDATE meta SET value = '1' WHERE key = 'format'")
    db.commit()
    db.close()
    for receipt in folder.glob("corpus/*/import.json"):
        receipt.unlink()
