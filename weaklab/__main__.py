"""``python -m weaklab``: the command line, as the program ``weaklab`` is."""

import os
import sys
from pathlib import Path


def _leave_the_working_directory() -> None:
    """Import nothing from where the command happens to be given, which may be a folder of somebody else; the program
    does not either.
    """
    here = os.getcwd()
    if sys.path and sys.path[0] in ("", here) and not Path(__file__).is_relative_to(here):
        del sys.path[0]


if __name__ == "__main__":
    _leave_the_working_directory()

    from weaklab.cli import main

    main()
