#!/usr/bin/env bash
# matplotlib 3.11.2: AutoDateLocator(maxticks=5) warns on ordinary spans of time, and places more ticks than that, or one.
#
# maxticks is documented as the most ticks that are wanted, so one lowers it for a narrow plot. But minticks stays 5, and the
# locator looks for a unit of time of which the span holds at least that many: with maxticks=5 too, most spans leave it
# hardly a choice. 170 s, 10,000 s, 300,000 s and 1e8 s make it warn "unable to pick an appropriate interval", and three of
# them get six ticks, more than were allowed; five minutes from 12:34:56 on get a single one, without a warning. With
# minticks=2 beside it the first four get three or four ticks and no warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check matplotlib==3.11.2 numpy==2.4.6
cat > "$folder/see.py" <<'PY'
import warnings
from datetime import datetime, timedelta

from matplotlib.dates import AutoDateLocator

begin = datetime(2026, 3, 1, 12, 34, 56)


def ticks(seconds, **settings):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = AutoDateLocator(**settings).tick_values(begin, begin + timedelta(seconds=seconds))
    return len(found), any("unable to pick an appropriate interval" in str(each.message) for each in caught)


for seconds in (170, 10_000, 300_000, 100_000_000):
    default, narrow, mended = ticks(seconds), ticks(seconds, maxticks=5), ticks(seconds, maxticks=5, minticks=2)
    print(f"{seconds} s: default {default}, maxticks=5 {narrow}, with minticks=2 {mended}  (ticks, warned)")
    assert narrow[1] and narrow[0] >= 5, "it finds an interval: the behaviour has changed"
    assert not default[1] and not mended[1] and 2 <= mended[0] <= 5
print("300 s: maxticks=5", ticks(300, maxticks=5))
assert ticks(300, maxticks=5) == (1, False), "the behaviour has changed"
PY
"$folder/env/bin/python" "$folder/see.py"
