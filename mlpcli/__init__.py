"""A trainer for MNIST-like data: a NumPy MLP with a hand-derived, checked gradient.

From Python, the names below are what there is; `mlpcli.api` tells of them. It is imported when one
of them is first used, so that the command line starts quickly.
"""

from typing import TYPE_CHECKING

from mlpcli.errors import MlpError

__version__ = "0.1.0"

__all__ = [
    "Config",
    "Evaluation",
    "Metrics",
    "MlpError",
    "Model",
    "Split",
    "Verdict",
    "check_gradient",
    "evaluate",
    "load",
    "load_config",
    "load_data",
    "train",
]

if TYPE_CHECKING:
    from mlpcli.api import Model, check_gradient, evaluate, load, load_config, load_data, train
    from mlpcli.checks.gradcheck import Verdict
    from mlpcli.data.dataset import Split
    from mlpcli.runs.evaluate import Evaluation
    from mlpcli.runs.fit import Metrics
    from mlpcli.runs.settings import Config
else:  # hidden from type checkers, which would take any name for an existing one

    def __getattr__(name):
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from mlpcli import api

        return getattr(api, name)

    def __dir__():
        return sorted({*globals(), *__all__})
