"""The sentence encoder of a project: recorded and checked, its vectors kept by content and made in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import ProjectError, WeaklabError
from weaklab.core.progress import ProgressBar
from weaklab.features import Sentence
from weaklab.features.encoders import MissingEncoderError
from weaklab.features.vector_store import keys_of_texts

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from weaklab.project.journal import Journal
    from weaklab.project.stored_corpus import StoredCorpus

RECORDED = "encoder"
"""The fact in the journal that says which encoder the project was made with."""
FOLDER = "vectors"
"""The folder of the vectors, among what can be computed again."""
FEW_TEXTS = 200
"""So few texts are encoded at once, more of them in the background."""
LOOK_SECONDS = 0.2


def sentence_features(setting: Any) -> Sentence:
    """Return the feature set that the setting ``encoder`` names: a text, or a table with ``model``, ``backend`` and
    ``prompt``.

    >>> sentence_features({"model": "e5", "prompt": "query: "}).settings()
    {'model': 'e5', 'backend': 'torch', 'prompt': 'query: '}
    """
    given = {"model": setting} if isinstance(setting, str) else dict(setting) if isinstance(setting, Mapping) else {}
    wanted = 'a name or folder in quotes, or a table such as { model = "NAME", backend = "onnx" }'
    if not given.get("model") or not set(given) <= {"model", "backend", "prompt"}:
        raise WeaklabError(f"setting encoder must be {wanted}, got {setting!r}")
    return Sentence(**given)


class ProjectEncoder:
    """The sentence encoder of a project, and the vectors of its texts.

    Parameters
    ----------
    setting : the setting ``encoder``
    journal : of the project; the encoder is recorded there when it has encoded the first texts
    path : the project folder
    """

    def __init__(self, setting: Any, journal: Journal, path: Path) -> None:
        self._made, self._journal, self._path = sentence_features(setting), journal, path
        self._checked: Sentence | None = None
        self._texts: tuple[StoredCorpus, list[str], NDArray[np.uint64]] | None = None
        self._job: EncodingJob | None = None
        self._ready: StoredCorpus | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of its feature set."""
        return self._made.settings()

    @property
    def features(self) -> Sentence:
        """The feature set, with the vectors that are kept.

        Raises
        ------
        MissingEncoderError
            The model is not on this machine, and the project has no vectors of it.
        ProjectError
            The project was made with another encoder, or this one had other weights then.
        """
        if self._checked is None:
            known = self._journal.get(RECORDED)
            digest = self._digest(known)
            folder = self._path / "cache" / FOLDER
            self._checked = self._made.keep_in(folder, write=not self._journal.read_only, digest=digest)
        return self._checked

    def _encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Encode texts; the first ones show that the model works, and from then on it is that of the project."""
        found = self.features.encode(texts)
        if not self._journal.read_only and self._journal.get(RECORDED) is None:
            self._record()
        return found

    def _record(self) -> None:
        self._journal.put(RECORDED, {**self._made.settings(), "digest": self._made.encoder.digest})

    def _digest(self, known: Mapping[str, Any] | None) -> str:
        """Return the digest of the encoder, after comparing it with the one that was recorded."""
        try:
            digest = self._made.encoder.digest
        except MissingEncoderError:
            if known is None or {**known, **self._made.settings()} != known:
                raise
            return str(known["digest"])  # kept vectors can be used without the model
        if known is not None and known["digest"] != digest:
            raise ProjectError(
                f"{self._path}: {self._difference(known, digest)}, or take this encoder with `weaklab encoder "
                f"{self._path} --replace`; then all texts are encoded anew, and labels stay"
            )
        return digest

    def _difference(self, known: Mapping[str, Any], digest: str) -> str:
        """Return how the encoder differs from the one that was recorded, and how to get that one back."""
        own, former = self._made.settings(), {name: value for name, value in known.items() if name != "digest"}
        if own == former:
            return (
                f"the files of the encoder {self._made.model!r} in {self._made.encoder.folder} have changed since the "
                f"project was made ({str(known['digest'])[:8]} then, {digest[:8]} now): put the former ones back"
            )
        table = ", ".join(f'{name} = "{value}"' for name, value in former.items())
        changed = " and ".join(f"{name} {value!r}" for name, value in own.items() if value != former.get(name))
        return (
            f"the project was made with another encoder than this one, which has the {changed}: set encoder = "
            f"{{ {table} }} again"
        )

    def replace(self) -> None:
        """Record the encoder of the settings in the place of the one that the project was made with.

        Raises
        ------
        MissingEncoderError
            It cannot be loaded; then the former one stays.
        """
        self._journal.must_be_writable()
        self._made.encoder.encode(["a text to try it with"])
        self._record()
        self._checked = self._ready = None

    # ---- vectors of the corpus

    def _known(self, corpus: StoredCorpus) -> tuple[list[str], NDArray[np.uint64]]:
        from weaklab.features.base import texts_of

        if self._texts is None or self._texts[0] is not corpus:
            texts = list(texts_of(corpus))
            self._texts = corpus, texts, keys_of_texts(texts)
        return self._texts[1], self._texts[2]

    def missing(self, corpus: StoredCorpus) -> list[str]:
        """Return the texts that have no vector yet."""
        self.features.store.look()  # another process may have encoded some
        return self.features.store.missing(*self._known(corpus))

    def matrix(self, corpus: StoredCorpus) -> NDArray[np.float32]:
        """Return the vectors of all records, float32 (n, d); all must be there."""
        return self.features.held(self._known(corpus)[1])

    def is_ready(self, corpus: StoredCorpus) -> bool:
        """Whether all texts have vectors. Few that are missing are encoded at once, many in the background."""
        if self._ready is corpus:
            return True
        if self._job is not None:
            if self._job.running:
                return False
            self._end_job()
        missing = self.missing(corpus)
        if len(missing) > FEW_TEXTS and not self._journal.read_only:
            self._job = EncodingJob(self.features, self._encode, missing)
            return False
        self.features.store.encode(missing, self._encode)
        self._ready = corpus
        return True

    def finish(self, corpus: StoredCorpus, progress: bool) -> None:
        """Encode all texts that have no vector, and wait for it, with a progress bar if wanted."""
        if self._ready is corpus:
            return
        while True:
            if self._job is None:
                missing = self.missing(corpus)
                if not missing:
                    break
                self._job = EncodingJob(self.features, self._encode, missing)
            self._job.wait(progress)
            self._end_job()
        self._ready = corpus

    def _end_job(self) -> None:
        job, self._job = self._job, None
        if job is not None and job.error is not None:
            raise job.error

    def progress(self, corpus: StoredCorpus) -> tuple[int, int]:
        """Return how many of the texts have a vector, and how many there are, each text once."""
        import numpy as np

        texts = len(np.unique(self._known(corpus)[1]))
        return texts - len(self.missing(corpus)), texts

    def described(self, corpus: StoredCorpus) -> str:
        """Return its name, and how many texts have vectors."""
        done, texts = self.progress(corpus)
        return f"{self.settings['model']}: {done:,} of {texts:,} texts"

    def close(self) -> None:
        """Stop what runs in the background; what was encoded is kept."""
        if self._job is not None:
            self._job.stop()
            self._job = None


class EncodingJob:
    """Encodes texts in a background thread, block by block; each finished block is kept.

    Attributes
    ----------
    done, total : numbers of texts
    error : that ended it, None if there was none
    """

    def __init__(
        self, features: Sentence, encode: Callable[[Sequence[str]], NDArray[np.float32]], texts: list[str]
    ) -> None:
        self.done, self.total = 0, len(texts)
        self.error: Exception | None = None
        self._features, self._encode, self._texts, self._stopped = features, encode, texts, threading.Event()
        self._thread = threading.Thread(target=self._work, name="weaklab-encoder", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            self._features.store.encode(self._texts, self._encode, self._on_block)
        except Exception as error:  # raised again where somebody waits for the vectors
            self.error = error

    def _on_block(self, count: int) -> bool:
        self.done += count
        return not self._stopped.is_set()

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._thread.is_alive()

    def wait(self, progress: bool) -> None:
        """Wait for its end; an interrupt stops it after the block at hand."""
        try:
            with ProgressBar(progress, self.total, "encoding", "texts") as bar:
                while self.running:
                    self._thread.join(LOOK_SECONDS)
                    bar.update(self.done - bar.done)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it after the block at hand, and wait for that."""
        self._stopped.set()
        self._thread.join()
