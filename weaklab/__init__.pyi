# The public names of weaklab, each once: type checkers read them here, and so does __init__.py.
from . import batch as batch
from . import datasets as datasets
from . import features as features
from . import strategies as strategies
from .batch.frozen import FrozenCommittee as FrozenCommittee
from .classifiers import WeakClassifier as WeakClassifier
from .core.errors import WeaklabError as WeaklabError
from .core.errors import WeaklabWarning as WeaklabWarning
from .core.labels import ABSTAIN as ABSTAIN
from .core.votes import Votes as Votes
from .corpus import Corpus as Corpus
from .crowd import Crowd as Crowd
from .evaluation.compare import compare_label_models as compare_label_models
from .exchange import read as read
from .heuristics import amend as amend
from .heuristics import col as col
from .heuristics import keywords as keywords
from .heuristics import labeling_function as labeling_function
from .heuristics import pattern as pattern
from .heuristics import where as where
from .label_models import confidence as confidence
from .label_models import label_model as label_model
from .project import Project as Project
from .scheduling.scheduler import Scheduler as Scheduler
from .scheduling.stream import StreamSampler as StreamSampler
from .simulation.loop import Loop as Loop
from .simulation.project_replay import replay as replay
from .simulation.simulate import simulate as simulate
from .training.end_model import EndModel as EndModel
from .voting.committee import Committee as Committee

__version__: str
