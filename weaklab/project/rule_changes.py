"""Files of labeling functions that a project has written or edited on acceptance, and how this is taken back."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import ProjectError
from weaklab.core.files import replacing, write_errors

if TYPE_CHECKING:
    from weaklab.project.workspace import Workspace

_FACT = "accepted_rules"
MOST_KEPT = 100
"""The last acceptances can be taken back, this many."""


@dataclass(frozen=True)
class Accepted:
    """A rule or repair that was accepted.

    Attributes
    ----------
    id : tells it from others
    name : of the heuristic
    says : the rule or the change in words
    file : that was written
    before, after : its text; ``before`` is None where the file is new
    at : UTC time, ISO 8601
    member : the row of the journal that the file took the place of: name, spec, fingerprint and location; None for none
    """

    id: str
    name: str
    says: str
    file: str
    before: str | None
    after: str
    at: str
    member: list[Any] | None = None


def accepted_rules(work: Workspace, /) -> list[Accepted]:
    """Return the rules and repairs that were accepted and not taken back, the last one first."""
    return [Accepted(**held) for held in reversed(work.journal.get(_FACT) or [])]


def remember(
    work: Workspace, name: str, says: str, file: Path, before: str | None, after: str, member: list[Any] | None = None
) -> None:
    """Note an acceptance, so that it can be taken back, in another session as well."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    new = Accepted(uuid.uuid4().hex[:12], name, says, str(file), before, after, at, member)
    with work.journal.transaction():
        work.journal.put(_FACT, [*(work.journal.get(_FACT) or []), asdict(new)][-MOST_KEPT:])


def undo_rule(work: Workspace, /, id: str | None = None) -> str:
    """Take back the acceptance of a rule or a repair: its file is as it was before, or gone if it was new.

    Parameters
    ----------
    id : of one of :meth:`accepted_rules`, by default the last one

    Returns
    -------
    What was taken back, in words.

    Raises
    ------
    ProjectError
        There is none, or the file was edited since; then it is left as it is.
    """
    work.journal.must_be_writable()
    with work.working:
        found = next((each for each in accepted_rules(work) if id is None or each.id == id), None)
        if found is None:
            raise ProjectError("there is no accepted rule or repair to take back; it may have been taken back already")
        _restore(work, found)
        if found.member is not None:
            from weaklab.project.journal import MemberRow

            work.journal.put_member(MemberRow(*found.member))
        with work.journal.transaction():
            work.journal.put(_FACT, [held for held in work.journal.get(_FACT) or [] if held["id"] != found.id])
        work.reload()
        return f"{found.name}: {found.says}"


def _restore(work: Workspace, found: Accepted) -> None:
    file = Path(found.file)
    if found.before is None and not file.exists():
        return  # somebody has taken the rule out already
    later = next((each for each in accepted_rules(work) if each.file == found.file), found)
    if later.id != found.id:
        raise ProjectError(
            f"{file} has a later change, {later.name}: {later.says}; take that back first, then that of {found.name!r}"
        )
    try:
        now = file.read_bytes().decode("utf-8")
    except (OSError, ValueError):
        now = None
    if now != found.after:
        state = "is not there any more" if now is None else "was edited since"
        raise ProjectError(f"{file} {state}, so the change of {found.name!r} is not taken back; edit it by hand")
    if found.before is None:
        with write_errors(file):
            file.unlink()
    else:
        put_text(file, found.before)


def put_text(file: Path, text: str) -> None:
    """Write a file completely or not at all, with the permissions that it had."""
    content = text.encode("utf-8")
    with replacing(file) as temporary:
        temporary.write_bytes(content)
        if file.exists():
            temporary.chmod(file.stat().st_mode & 0o7777)
