"""scikit-learn's MLPClassifier, one pass a call."""

import warnings
from typing import Any

import numpy as np
import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benchmarks import images
from benchmarks.sides import BATCH, BETA1, BETA2, EPS, MOMENTUM, SIZES
from mlpcli.data import preprocessing

VERSIONS = {"scikit-learn": sklearn.__version__}
warnings.simplefilter("ignore", ConvergenceWarning)  # one pass is what is asked for


class Trainer:
    """Variants: rule and method, such as "sgd partial_fit" or "adam fit", which goes on warm.

    Its initial weights are Glorot's, which it does not let one choose.
    """

    def __init__(self, variant: str, seed: int) -> None:
        rule, self.method = variant.split()
        split = images.load("train")
        self.x, self.labels = preprocessing.inputs(split.images), split.labels
        self.model: Any = MLPClassifier(
            SIZES[1:-1],
            solver=rule,
            alpha=0,
            batch_size=BATCH,
            momentum=MOMENTUM,
            nesterovs_momentum=False,
            beta_1=BETA1,
            beta_2=BETA2,
            epsilon=EPS,
            max_iter=1,
            warm_start=True,
            random_state=seed,
        )

    def epoch(self, lr: float) -> float:
        """A pass over the training images; returns the epoch's loss. lr counts in the first."""
        self.model.learning_rate_init = lr
        if self.method == "fit":
            self.model.fit(self.x, self.labels)
        else:
            self.model.partial_fit(self.x, self.labels, classes=np.arange(SIZES[-1]))
        return float(self.model.loss_)

    def accuracy(self) -> float:
        """On the test images, a fraction."""
        split = images.load("test")
        return float(self.model.score(preprocessing.inputs(split.images), split.labels))
