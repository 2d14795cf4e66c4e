#!/usr/bin/env bash
# pyspark 4.3.0 (needs Java 17 or newer on the machine)
#
# Behaviour: DataFrame.mapInArrow and mapInPandas fail with UNRESOLVED_COLUMN as soon as one column of the frame has a dot in its name,
# although the function never looks at it, and although count and collect work on the same frame. Selecting it in backticks
# first does not help, for the name stays. Only a frame without such a name (toDF, or a selection that leaves it out) works.
#
# Why the guess is wrong: the two calls hand whole batches to a function and name no column, so there is nothing to resolve. But pyspark
# resolves every column by its bare name before it builds the plan, where a dot means a field of a struct.
set -euo pipefail
command -v java >/dev/null || { echo "needs Java: apt-get install default-jre-headless" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/python" -m pip install --quiet --disable-pip-version-check pyspark==4.3.0 pyarrow==26.0.1 pandas==3.1.1 numpy==2.4.6
cd "$work"
PYSPARK_PYTHON="$work/env/bin/python" env/bin/python - <<'PY' 2> spark.log || { tail -20 spark.log >&2; exit 1; }
from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
frame = spark.createDataFrame([(1, "a"), (2, "b")], ["id", "price.eur"])
assert frame.count() == len(frame.collect()) == 2
for call in ("mapInArrow", "mapInPandas"):
    for given in (frame, frame.select("id", "`price.eur`")):
        try:
            getattr(given, call)(lambda batches: batches, given.schema)
            raise SystemExit(f"{call} takes the frame now")
        except AnalysisException as error:
            print(call, given.columns, error.getCondition())
            assert error.getCondition().startswith("UNRESOLVED_COLUMN")
    renamed = frame.toDF("id", "price")
    assert len(getattr(renamed, call)(lambda batches: batches, renamed.schema).collect()) == 2
    print(call, renamed.columns, "works")
spark.stop()
PY
