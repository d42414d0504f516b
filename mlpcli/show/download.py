"""The output of `mlp download`: the data sets, verified files, and their paths."""

from mlpcli.api.download import DatasetStatus, Files, Paths
from mlpcli.show.format import json_object, size, table


def list_as_text(datasets: list[DatasetStatus]) -> str:
    """A table of the data sets that have a name."""
    rows = [["name", "download", "train", "test", "classes", "cached", "license"]]
    for each in datasets:
        download = "not stated" if each.bytes is None else size(each.bytes)
        images = [f"{each.images[split]:,}" for split in ("train", "test")]
        rows.append([each.name, download, *images, str(each.classes), each.cached, each.license])
    return "\n".join(table(rows))


def list_as_json(datasets: list[DatasetStatus]) -> str:
    """The same as one JSON object."""
    names = {"license": "licence"}  # spelled so in schema 1
    rows = [{names.get(k, k): value for k, value in each._asdict().items()} for each in datasets]
    return json_object({"datasets": rows})


def files_as_text(files: Files) -> str:
    """A line for each file: whether it is in the cache with the right checksum."""
    return "\n".join(
        f"{name}/{file}: {'ok' if right else 'missing or wrong'}"
        for name, each in files.items()
        for file, right in each.items()
    )


def files_as_json(files: Files) -> str:
    """The same as one JSON object."""
    sets = [{"name": n, "ok": all(each.values()), "files": each} for n, each in files.items()]
    return json_object({"ok": all(each["ok"] for each in sets), "datasets": sets})


def paths_as_text(paths: Paths) -> str:
    """The folder of each data set's files."""
    return "\n".join(f"{n}: {len(files)} files in {files[0].parent}" for n, files in paths.items())


def paths_as_json(paths: Paths) -> str:
    """The same as one JSON object."""
    sets = [{"name": name, "files": list(map(str, files))} for name, files in paths.items()]
    return json_object({"datasets": sets})
