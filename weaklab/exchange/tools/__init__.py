"""Files of other labeling tools, in and out; one module a format.

A new format is a module here with a class under ``@FORMATS.named("name")``, or an entry point of another package in the
group ``weaklab.formats`` (docs/extending.md).
"""

from weaklab.exchange.tools.base import (
    FORMATS,
    Answer,
    Example,
    Format,
    Hints,
    Labeled,
    LabeledBatch,
    format_of,
    recognised,
)

__all__ = ["FORMATS", "Answer", "Example", "Format", "Hints", "Labeled", "LabeledBatch", "format_of", "recognised"]
