"""A trainer for MNIST-like data: a NumPy MLP with a hand-derived, checked gradient.

From Python, use the names below; `mlpcli.python` describes them. It is imported when one of
them is first used, so that the command line starts quickly.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from mlpcli.errors import MlpError
from mlpcli.version import __version__ as __version__

__all__ = ["Config", "Evaluation", "Metrics", "MlpError", "Model", "Split", "Verdict"]
__all__ += ["check_gradient", "evaluate", "load", "load_config", "load_data", "train"]

if TYPE_CHECKING:
    from mlpcli import workbook as workbook
    from mlpcli.checks.gradcheck import Verdict
    from mlpcli.config.schema import Config
    from mlpcli.data.dataset import Split
    from mlpcli.python import (
        Evaluation,
        Model,
        check_gradient,
        evaluate,
        load,
        load_config,
        load_data,
    )
    from mlpcli.python import train as train
    from mlpcli.training.progress import Metrics
else:  # hidden from type checkers, which would take any name for an existing one

    def __getattr__(name):
        if name == "workbook":  # mlpcli.workbook.check, without an import of its own
            return import_module("mlpcli.workbook")
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from mlpcli import python

        return getattr(python, name)

    def __dir__():
        return sorted({*globals(), *__all__})
