#!/usr/bin/env bash
# pyarrow 26.0.1
#
# Behaviour: pyarrow.compute.binary_join_element_wise(a, b, " ", null_handling="skip") returns fewer values than its inputs have: a row in
# which every value is null is left out, and all later rows move up. On chunked arrays too, and without an error or a warning.
#
# Why the guess is wrong: it is an element-wise function, and those return one value a row; "skip" is said to leave out the null, not the row.
# The other two settings keep the row: null for "emit_null", an empty text for "replace". narwhals had it as a bug of its own (issue 3965).
#
# Used as the mask or the value of a next step, the shorter result belongs to other rows.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/python" -m pip install --quiet --disable-pip-version-check pyarrow==26.0.1
cd "$work"
"$work/env/bin/python" - <<'PY'
import pyarrow as pa
import pyarrow.compute as pc

first = pa.array(["Ada", None, "Alan"])
last = pa.array(["Lovelace", None, None])
found = {
    how: pc.binary_join_element_wise(first, last, " ", null_handling=how).to_pylist()
    for how in ("emit_null", "replace", "skip")
}
for how, rows in found.items():
    print(f"{how:10} {len(rows)} rows of 3: {rows}")
assert len(found["emit_null"]) == len(found["replace"]) == 3
assert found["skip"] == ["Ada Lovelace", "Alan"], "a row of nulls is kept now"

chunked = pc.binary_join_element_wise(pa.chunked_array([first, first]), pa.chunked_array([last, last]), " ", null_handling="skip")
print("two chunks of 3 rows:", len(chunked), "rows")
assert len(chunked) == 4
PY
