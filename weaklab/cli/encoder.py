"""The command encoder: download a sentence encoder, and make the sentence vectors of a project."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from weaklab.cli.open_project import open_project
from weaklab.cli.options import NoCode
from weaklab.cli.output import print_stderr
from weaklab.core.errors import WeaklabError

commands = typer.Typer()


@commands.command(
    epilog="Example: `weaklab encoder spam`; `weaklab encoder --download sentence-transformers/all-MiniLM-L6-v2`"
)
def encoder(
    project: Annotated[
        Path | None, typer.Argument(help="Project folder, whose texts are encoded.", show_default=False)
    ] = None,
    download: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Download this model of the Hugging Face Hub.", show_default=False),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the encoder of the settings in the place of the one used so far.")
    ] = False,
    no_code: NoCode = False,
) -> None:
    """Encode the texts of a project that have no sentence vector yet, or download an encoder.

    Encoding may be stopped at any time and goes on where it was. Nothing is downloaded without --download.
    """
    if project is None and download is None:
        raise WeaklabError("encoder needs a project folder, or --download NAME")
    if download is not None:
        from weaklab.features.encoders import download_encoder

        print_stderr(f"{download} is in {download_encoder(download)}")
    if project is None:
        return
    with open_project(project, run_code=not no_code) as held:
        work = held.workspace
        if work.encoder is None:
            raise WeaklabError(f'{project} has no encoder; set one in {project / "weaklab.toml"}: encoder = "NAME"')
        work.refresh()
        if work.has_records and not work.corpus.roles.text:
            raise WeaklabError(f"{project} has no text column, so there is nothing to encode; take its encoder out")
        if replace:
            work.encoder.replace()
        work.finish_encoding(sys.stderr.isatty())
        if work.has_records:
            print_stderr(f"encoder {work.encoder.described(work.corpus)}")
