"""Exchange: files and tables of other programs, read as a corpus and written; one module a format.

A new format is a module here with a function under ``@READERS.named(".suffix")`` or ``@WRITERS.named(".suffix")``, or
an entry point of another package (docs/extending.md).
"""

from weaklab.exchange.formats import READERS, WRITERS, Reader, Writer, write_table
from weaklab.exchange.reading import open_corpus, read, source_of, table_source

__all__ = ["READERS", "WRITERS", "Reader", "Writer", "open_corpus", "read", "source_of", "table_source", "write_table"]
