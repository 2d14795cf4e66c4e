"""``weaklab batch``: label files with the committee of a project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weaklab.core.tables import counted
from weaklab.project.stored_members import MissingHeuristic

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from weaklab.batch import BatchSummary
    from weaklab.project.project import Project


def run_batch(project: Project, source: str, out: Path, say: Callable[[str], None], **settings: Any) -> BatchSummary:
    """Label files with :func:`weaklab.batch.label_files`; report heuristics that cannot vote, and the speed."""
    from weaklab.batch import label_files

    lost = [h.name for h in project.committee.heuristics if isinstance(h, MissingHeuristic)]
    if lost and project.workspace.run_code:
        say(
            f"warning: {', '.join(lost)}: written in a session that is over, so without votes here; put the code into "
            "labeling_functions/"
        )
    found = label_files(project.freeze(), source, out, **settings)
    kept = f"; {found.rows - found.fresh:,} were labeled before" if found.fresh < found.rows else ""
    rate = f" in {found.seconds:.1f} s, {found.fresh / found.seconds:,.0f} a second" if found.fresh else ""
    say(f"labeled {counted(found.fresh, 'record')}{rate}{kept}")
    return found
