"""A report of a project: one HTML file that needs no other file, no script and no network."""

from weaklab.report.html_file import write_report

__all__ = ["write_report"]
