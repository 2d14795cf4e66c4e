"""weaklab: labeling functions and weak classifiers in one committee that learns while a person labels.

The public names stand in ``__init__.pyi``. Each is loaded when it is first used, so that ``import weaklab`` is quick.
"""

import lazy_loader

from weaklab.core import moved

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

moved.install()
