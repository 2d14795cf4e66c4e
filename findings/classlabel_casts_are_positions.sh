#!/usr/bin/env bash
# datasets 5.2.0 (Hugging Face), pyarrow 26.0.1
#
# Behaviour: casting a column to ClassLabel(names=["1", "2", "3", "4", "5"]) reads its values as positions wherever it can.
# - A column of whole numbers 1 to 4 becomes the classes "2" to "5". Only a 5 raises, because no sixth name exists.
# - A column of strings is read by name first, then as a position: "0", which is no name, becomes the class "1".
#
# Why the guess is wrong: the names are given, and the values are those names, so one expects a look-up by name, and an error for
# a value that is none of them. str2int is described as a conversion from a name. Ratings from 1 to 5 are a usual column, and a
# sample without a 5 is shifted by one class without an error or a warning.
#
# class_encode_column makes the names from the values and is right.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/python" -m pip install --quiet --disable-pip-version-check datasets==5.2.0 pyarrow==26.0.1 pandas==3.1.1 numpy==2.4.6
cd "$work"
HF_DATASETS_CACHE="$work/cache" HF_HUB_OFFLINE=1 "$work/env/bin/python" - <<'PY'
from datasets import ClassLabel, Dataset, disable_progress_bars

disable_progress_bars()
stars = ClassLabel(names=["1", "2", "3", "4", "5"])


def classes_after_cast(values):
    column = Dataset.from_dict({"stars": values}).cast_column("stars", stars)["stars"]
    return [stars.int2str(code) for code in column]


numbers = classes_after_cast([1, 2, 4])
strings = classes_after_cast(["1", "0", "5"])
print("whole numbers 1, 2, 4 became the classes", numbers)
print("strings '1', '0', '5' became the classes", strings)
assert numbers == ["2", "3", "5"], numbers
assert strings == ["1", "1", "5"], strings

try:
    classes_after_cast([1, 2, 5])
    raise SystemExit("a 5 is accepted now")
except ValueError as error:
    print("whole numbers 1, 2, 5:", error)

right = Dataset.from_dict({"stars": [1, 2, 4]}).class_encode_column("stars")
names = right.features["stars"].names
assert [names[code] for code in right["stars"]] == ["1", "2", "4"]
print("class_encode_column keeps 1, 2, 4")
PY
