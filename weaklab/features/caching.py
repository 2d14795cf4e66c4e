"""Cache of fitted features and their matrices on disk: one file each, without pickle, written atomically."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from weaklab.core.files import DamagedError, Kept
from weaklab.features.combine import Combined
from weaklab.features.sentence import Sentence
from weaklab.heuristics.fingerprint import digest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from weaklab.corpus import Corpus
    from weaklab.features.base import Features, Matrix

_FORMAT = "2"
"""Version of the cache files; change it when a feature set computes different values, to ignore old files."""


def fit_cached(
    features: Features, corpus: Corpus, key: str, folder: Path, *, write: bool = True
) -> tuple[Features, Matrix]:
    """Return features fitted on a corpus, and the matrix of the corpus; both are read from a cache file if possible.

    Features that cannot be stored (your own transformer objects) are fitted again each time. A file that is damaged, or
    that was made for other records, is replaced, with a warning. If a file cannot be written, there is a warning.

    Parameters
    ----------
    features : unfitted feature set
    corpus : the records
    key : text that changes whenever the records change, such as the names of a project's imports
    folder : folder of the cache; it is created if needed
    write : whether a file may be written

    Returns
    -------
    (Features, matrix)
        The fitted features, and the (n, d) matrix of the corpus, sparse (CSR) or dense.

    Examples
    --------
    >>> import tempfile, weaklab
    >>> from pathlib import Path
    >>> folder, corpus = Path(tempfile.mkdtemp()), weaklab.read(["a b", "b c"])
    >>> _, first = fit_cached(weaklab.features.features("tfidf"), corpus, "v1", folder)
    >>> _, again = fit_cached(weaklab.features.features("tfidf"), corpus, "v1", folder)
    >>> (first != again).nnz
    0
    """
    if isinstance(features, Combined) and any(isinstance(part, Sentence) for part in features.parts):
        pairs = [fit_cached(part, corpus, key, folder, write=write) for part in features.parts]
        return Combined([part for part, _ in pairs]), Combined.beside([X for _, X in pairs])
    if isinstance(features, Sentence):  # it keeps vectors itself
        return features, features.fit_transform(corpus)
    name, kept = f"{digest('features', _FORMAT, features.fingerprint, key)}.npz", Kept(folder, folder.parent)

    rows = len(corpus)  # not below: damaged records are not the fault of the file

    def restore(path: Path) -> tuple[Features, Matrix]:
        held = _read(path)
        X = _matrix(held["matrix"])
        if held["key"] != name or X.shape[0] != rows:
            raise DamagedError("it was made for other records")
        return features.restore(held["state"]), X

    held: tuple[Features, Matrix] | None = kept.read(name, restore)
    if held is not None:
        return held
    X = features.fit_transform(corpus)
    state = features.state()
    if state is not None and write:
        kept.write(name, lambda path: _write(path, {"state": state, "matrix": _parts(X), "key": name}))
    return features, X


def _parts(X: Matrix) -> dict[str, Any]:
    from scipy import sparse

    if not sparse.issparse(X):
        return {"kind": "dense", "data": X}
    kind = "csr_array" if isinstance(X, sparse.sparray) else "csr_matrix"
    return {"kind": kind, "data": X.data, "indices": X.indices, "indptr": X.indptr, "shape": list(X.shape)}


def _matrix(parts: Mapping[str, Any]) -> Matrix:
    from scipy import sparse

    if parts["kind"] == "dense":
        return parts["data"]
    kind = {"csr_array": sparse.csr_array, "csr_matrix": sparse.csr_matrix}[parts["kind"]]
    X = kind((parts["data"], parts["indices"], parts["indptr"]), shape=tuple(parts["shape"]))
    X.check_format()
    return X


def _flatten(value: Any, arrays: list[NDArray[Any]]) -> Any:
    """Return ``value`` as JSON in which ``{"array": i}`` stands for the i-th array."""
    import numpy as np

    if isinstance(value, dict):
        return {"table": {name: _flatten(part, arrays) for name, part in value.items()}}
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    return {"json": value}


def _unflatten(node: dict[str, Any], arrays: Mapping[str, Any]) -> Any:
    if "table" in node:
        return {name: _unflatten(part, arrays) for name, part in node["table"].items()}
    return arrays[f"a{node['array']}"] if "array" in node else node["json"]


def _write(path: Path, content: dict[str, Any]) -> None:
    import numpy as np

    arrays: list[NDArray[Any]] = []
    tree = json.dumps(_flatten(content, arrays)).encode()
    named = {f"a{number}": array for number, array in enumerate(arrays)}
    with open(path, "xb") as stream:
        np.savez(stream, tree=np.frombuffer(tree, dtype=np.uint8), **named)  # type: ignore[arg-type]


def _read(path: Path) -> dict[str, Any]:
    """Return the content that :func:`_write` wrote; a damaged file may raise any error of its readers."""
    import zipfile

    import numpy as np

    arrays: dict[str, NDArray[np.generic]] = {}
    with zipfile.ZipFile(path) as file:
        for entry in file.infolist():
            with file.open(entry) as stream:
                arrays[entry.filename.removesuffix(".npy")] = np.lib.format.read_array(stream, allow_pickle=False)
                if stream.read(1):  # read to the end, where the checksum is compared
                    raise DamagedError("one of its arrays is longer than it says")
    held: dict[str, Any] = _unflatten(json.loads(arrays["tree"].tobytes()), arrays)
    return held
