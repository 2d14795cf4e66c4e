"""Labels of several people for the same records: their consensus, and how good each person is."""

from weaklab.crowd.crowd import Crowd, annotator_quality

__all__ = ["Crowd", "annotator_quality"]
