"""The page of the command line, from the program itself."""

import re

from typer.cli import app as typer_program
from typer.main import get_command
from typer.testing import CliRunner

from weaklab.cli.app import app

HEAD = """# Command line

```{{contents}}
```

{intro}
"""


def documented() -> str:
    """Return what typer writes about the commands, in Markdown."""
    result = CliRunner().invoke(typer_program, ["weaklab.cli.app", "utils", "docs", "--name", "weaklab"])
    if result.exit_code:
        raise RuntimeError(f"typer could not document the commands: {result.output}")
    return result.stdout


def first_sentence(help_text: str) -> str:
    """Return the first sentence of a help text."""
    text = " ".join(help_text.split("\n\n")[0].split())
    return re.split(r"(?<=\.)\s", text)[0].rstrip(".")


def overview() -> str:
    """Return a table of the commands."""
    commands = get_command(app).commands  # type: ignore[attr-defined]
    rows = [f"| [`{name}`](#weaklab-{name}) | {first_sentence(command.help)} |" for name, command in commands.items()]
    return "\n".join(["| command | what it does |", "|---|---|", *rows])


def commands_page() -> str:
    """Return the page: an overview, then each command with its options and an example."""
    text = documented().replace("# `weaklab`", "# Command line", 1)
    text = re.sub(r"\*\*Commands\*\*:\n\n(?:\* .*\n)+", lambda _: overview() + "\n", text, count=1)
    text = re.sub(r"^Example: (`.*`)$", r"**Example**: \1", text, flags=re.M)
    text = text.replace("**Usage**:\n\n", "")
    return text.replace("\\[", "[")
