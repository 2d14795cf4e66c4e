#!/usr/bin/env bash
# skops 0.16.0 with scikit-learn 1.7.2 and scipy 1.16.3: a nearest-neighbour text classifier that was saved is refused on load.
#
# skops saves models without pickle and trusts the types of scikit-learn, numpy and scipy by default, so one expects that a
# plain scikit-learn pipeline comes back without a list of trusted types. A pipeline of TfidfVectorizer and LogisticRegression
# does. With KNeighborsClassifier in its place the model holds its training rows, a scipy sparse matrix, and dump() says
# nothing, but load() raises UntrustedTypesFoundException: scipy.sparse._csr.csr_matrix has to be named as trusted.
# So a model that passed every test on dense rows cannot be loaded where it was trained on sparse ones: whoever saves models
# for others must look at get_untrusted_types() when saving, not when loading.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check skops==0.16.0 scikit-learn==1.7.2 scipy==1.16.3 numpy==2.3.5
cat > "$folder/see.py" <<'PY'
import numpy as np
import skops.io as sio
from skops.io.exceptions import UntrustedTypesFoundException
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

texts, y = ["free prize now", "lunch at noon", "win a prize", "see you at lunch"], [1, 0, 1, 0]
for estimator in (LogisticRegression(), KNeighborsClassifier(1)):
    model = make_pipeline(TfidfVectorizer(), estimator).fit(texts, y)
    saved = sio.dumps(model)
    untrusted = sio.get_untrusted_types(data=saved)
    print(type(estimator).__name__, "untrusted:", untrusted)
    if isinstance(estimator, LogisticRegression):
        assert untrusted == [] and sio.loads(saved).predict(texts).tolist() == y
        continue
    assert untrusted == ["scipy.sparse._csr.csr_matrix"], untrusted
    try:
        sio.loads(saved)
    except UntrustedTypesFoundException as error:
        print("load:", str(error).splitlines()[0])
    else:
        raise SystemExit("it loads: the behaviour has changed")
    assert sio.loads(saved, trusted=untrusted).predict(texts).tolist() == y
PY
"$folder/env/bin/python" "$folder/see.py"
echo "seen as described"
