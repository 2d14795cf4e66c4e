#!/usr/bin/env bash
# pyarrow 26.0.1
#
# Behaviour: pyarrow.csv.write_csv writes a timestamp far in the future as the text "<value out of range: N>", without an
# error or a warning. A timestamp of 1000000000000 seconds is enough, which is what a time in milliseconds gives when it is read as seconds.
#
# Why the guess is wrong: a value that has no CSV form is expected to raise, as a nested column does (ArrowInvalid). Here the sentence is
# data: the file is valid, and read_csv gives the whole column back as strings, the good values included. The same values written with
# to_pylist raise OverflowError or ValueError, so one step earlier the fault would have been seen. Dates (date32) as far are written well.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/python" -m pip install --quiet --disable-pip-version-check pyarrow==26.0.1
cd "$work"
env/bin/python - <<'PY'
import io

import pyarrow as pa
import pyarrow.csv as csv

milliseconds = 1_764_489_600_000  # a moment of 2025, read as seconds
table = pa.table({"at": pa.array([0, milliseconds], pa.timestamp("s")), "day": pa.array([0, 3_000_000], pa.date32())})
written = io.BytesIO()
csv.write_csv(table, written)
print(written.getvalue().decode())
assert f"<value out of range: {milliseconds}>" in written.getvalue().decode()
assert "10183-09-21" in written.getvalue().decode()

back = csv.read_csv(io.BytesIO(written.getvalue()))
print("the column comes back as", back.schema.field("at").type)
assert back.schema.field("at").type == pa.string()

try:
    table["at"].to_pylist()
    raise SystemExit("to_pylist no longer raises")
except (OverflowError, ValueError) as error:
    print("to_pylist:", type(error).__name__)

try:
    csv.write_csv(pa.table({"x": [[1]]}), io.BytesIO())
    raise SystemExit("a list column is written now")
except pa.ArrowInvalid as error:
    print("a list column:", type(error).__name__)
PY
