"""The trials of a sweep by joblib, Optuna and Ray Tune, each as its documentation advises.

python -m benchmarks.sweep_peers NAME PLAN FOLDER

NAME: joblib, optuna, ray or, for one trial after another in this process, loop. All call the same
function, which trains as `mlp sweep` does, and keep their worker processes from one trial to the
next, so each worker imports and reads once. PLAN: JSON, for each trial the name of its run's folder
and its settings, in the order in which `mlp sweep` starts them.
"""

import json
import logging
import multiprocessing
import os
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from mlpcli.api.sweep_trial import Images
from mlpcli.api.trainer import train
from mlpcli.config.schema import Config
from mlpcli.training.progress import Epoch

WORKERS = 2
IMAGES = Images()  # of this process

Task = dict[str, Any]  # "address": str, "config": settings


def trial(task: Task, folder: str) -> float:
    """Train one trial into its folder; its accuracy on the validation images."""
    config = Config.model_validate(task["config"])
    data = IMAGES.of(config, offline=True)
    place = Path(folder, task["address"])
    events = train(config, place, preflight=False, threads=1, data=data)
    epochs = [event.metrics for event in events if isinstance(event, Epoch)]
    return max(each.validation("accuracy") for each in epochs)


def loop(tasks: list[Task], folder: str) -> None:
    """One after another, in this process."""
    for task in tasks:
        trial(task, folder)


def joblib(tasks: list[Task], folder: str) -> None:
    """The default backend, loky, whose processes stay for all trials."""
    from joblib import Parallel, delayed

    Parallel(n_jobs=WORKERS)(delayed(trial)(task, folder) for task in tasks)


def optuna(tasks: list[Task], folder: str) -> None:
    """Processes that share a study in a journal file; the grid is enqueued in its order."""
    import optuna as library

    library.logging.set_verbosity(library.logging.WARNING)
    journal = str(Path(folder, "journal.log"))
    study = library.create_study(study_name="grid", storage=_storage(journal), direction="maximize")
    for number in range(len(tasks)):
        study.enqueue_trial({"number": number})
    processes = [
        multiprocessing.Process(target=_optimize, args=(journal, tasks, folder))
        for _ in range(WORKERS)
    ]
    for process in processes:  # forked, with what is imported here
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        sys.exit(1)


def _optimize(journal: str, tasks: list[Task], folder: str) -> None:
    """One of the processes; it ends when no trial is left that nobody has."""
    import optuna as library

    taken = (library.trial.TrialState.RUNNING, library.trial.TrialState.COMPLETE)
    last = library.study.MaxTrialsCallback(len(tasks), states=taken)
    study = library.load_study(study_name="grid", storage=_storage(journal))
    study.optimize(
        lambda each: trial(tasks[each.suggest_int("number", 0, len(tasks) - 1)], folder),
        callbacks=[last],
    )


def _storage(journal: str) -> Any:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(journal))


def ray(tasks: list[Task], folder: str) -> None:
    """A grid search on as many actors as cores, which are kept between trials."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AIR_NEW_OUTPUT": "0"}
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"  # files that nobody here reads
    import ray as library
    from ray import tune

    with tempfile.TemporaryDirectory() as place:
        library.init(
            num_cpus=WORKERS,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _temp_dir=place,
        )
        tuner = tune.Tuner(
            partial(_in_ray, tasks=tasks, folder=folder),
            param_space={"number": tune.grid_search(list(range(len(tasks))))},
            tune_config=tune.TuneConfig(metric="accuracy", mode="max", reuse_actors=True),
            run_config=tune.RunConfig(storage_path=f"{place}/results", verbose=0),
        )
        found = tuner.fit()
        library.shutdown()
    if found.num_errors:
        sys.exit(1)


def _in_ray(settings: dict[str, int], *, tasks: list[Task], folder: str) -> dict[str, float]:
    return {"accuracy": trial(tasks[settings["number"]], folder)}


if __name__ == "__main__":
    name, plan, place = sys.argv[1:]
    Path(place).mkdir(parents=True)
    {"loop": loop, "joblib": joblib, "optuna": optuna, "ray": ray}[name](
        json.loads(Path(plan).read_text(encoding="utf-8")), str(Path(place).resolve())
    )
