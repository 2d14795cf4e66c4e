"""Labels that several people gave the same records: their consensus, and the accuracy of each person."""

from weaklab.crowd.crowd import Crowd, annotator_quality

__all__ = ["Crowd", "annotator_quality"]
