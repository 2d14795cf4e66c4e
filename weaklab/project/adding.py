"""Adds records to a project: tables, and files of other tools with the answers of people in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

from weaklab.crowd.judgements import crowds_pointed_out, warn_of_crowd
from weaklab.exchange import open_corpus
from weaklab.exchange.file_options import FileKeywords
from weaklab.project.imports import Import
from weaklab.project.receipt import ImportReceipt
from weaklab.project.record_rows import RecordRows
from weaklab.project.tool_files import tool_file
from weaklab.project.workspace import label_history

if TYPE_CHECKING:
    from weaklab.project.workspace import Workspace


def add_records(
    work: Workspace,
    /,
    data: Any,
    *,
    text: str | Sequence[str] | None = None,
    id: str | None = None,
    label: str | None = None,
    gold: str | None = None,
    columns: Sequence[str] | None = None,
    map: Mapping[Any, Any] | None = None,
    skip_known: bool = False,
    instead_of: str | None = None,
    quiet: bool = False,
    progress: bool | None = None,
    format: str | None = None,
    **options: Unpack[FileKeywords],
) -> ImportReceipt:
    """Copy records into the project, print what was taken for what, and return it: a number, that of the new
    records.

    Takes what :func:`weaklab.read` takes, and files of other labeling tools with the answers in them. Labels in the
    column ``label`` become manual labels, of which the committee learns at the next :meth:`run`; ``gold`` is kept for
    measuring. Both must hold label names, or ``map`` says what their values stand for; nothing, NaN and -1 mean no
    label. Records stay in the order of the imports.
    Imports may have different columns: one that an import lacks is empty there.

    Parameters
    ----------
    columns : names of the columns to keep beside text, id, label and gold; by default all that can be stored
    map : value -> label name, such as ``{"1": "spam", "0": "ham"}``, for the label and the gold column; None means
        no label
    skip_known : leave out records whose id is in the project already, or was removed from it; by default they are
        an error
    instead_of : folder of an import whose records these replace, such as one whose file was damaged; labels are
        kept by their ids
    quiet : print nothing
    progress : whether to show progress where the import takes longer than a moment; by default unless ``quiet``
    format : the tool that wrote a file, such as ``"prodigy"``, see ``weaklab list formats``. By default the file is
        recognised by its fields, unless ``label``, ``gold`` or ``columns`` say that it is a table; the receipt says so.
        ``"table"``: it is a table. Answers come with the person and the time that the file names; with ``skip_known``
        those about records that are there already come in, too, each once
    options : how files are to be read: ``encoding``, ``sep``, ``quote``, ``escape``, ``header``, ``names`` and
        ``sheet``

    Raises
    ------
    CorpusError, ProjectError, UnknownLabelError
        Then nothing has been added.

    Examples
    --------
    >>> import tempfile, weaklab
    >>> project = weaklab.Project(tempfile.mkdtemp(), labels=["spam", "ham"])
    >>> rows = [{"text": "win a prize", "is_spam": True}, {"text": "lunch?", "is_spam": False}]
    >>> project.add_records(rows, label="is_spam", map={True: "spam", False: "ham"})
    2 new records from the list
    column   read as
    id       id       made from the content
    text     text
    is_spam  label    spam 1, ham 1
    is_spam: read as: True is spam (1), False is ham (1)
    ImportReceipt(2 records)
    """
    if instead_of is not None:
        made = _instead_of(work, instead_of)
    else:
        work.refresh()
        there = work.corpus if work.has_records else None
        known, gone = work.imported.keys(), work.snapshot.gone
        made = partial(Import, work.files, folders=work.folders, there=there, known=known, gone=gone)
    like = None if made.keywords["there"] is None else made.keywords["there"].roles
    roles: dict[str, Any] = {"text": text, "id": id, "label": label, "gold": gold, "columns": columns}
    found = tool_file(work, data, format, roles, map, options)
    if found is not None:
        corpus = found.corpus
    else:
        with crowds_pointed_out(data, options):
            corpus = open_corpus(data, like=like, **roles, **options)
    shown = not quiet if progress is None else progress
    history = label_history(work.journal, work.settings.labels)
    names, last = history.now.names, history.event
    new = made(
        corpus=corpus,
        label_names=names,
        label_event=last,
        skip_known=skip_known,
        map=None if found else map,
        progress=shown,
    )
    new.said = None if found is None else found.events
    with crowds_pointed_out(data, options):
        receipt = new.run(work.session_id)
    warn_of_crowd(corpus)
    if found is not None:
        found.tell(receipt)
    if instead_of is not None:
        work.folders, work.imported, work.rows = [], RecordRows(), RecordRows()
    work.refresh(new.ids)
    if not quiet:
        print(receipt.table())
    return receipt


def _instead_of(work: Workspace, folder: str) -> partial[Import]:
    """Return an import that takes the place of another, of which nothing is read."""
    work.files.held_import(folder)
    folders = [name for name in work.files.imports() if name != folder]
    there = work.files.corpus(folders) if folders else None
    known = frozenset(str(name) for name in there.ids.to_pylist()) if there else frozenset()
    return partial(Import, work.files, folders=folders, there=there, known=known, instead_of=folder)
