"""Parquet files as the Hugging Face hub has them: pictures and labels (extra `formats`)."""

import io
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcli.data import pictures
from mlpcli.data.class_labels import listed
from mlpcli.data.fit import sized, stacked
from mlpcli.data.formats import extra
from mlpcli.data.formats.form import Format
from mlpcli.data.formats.named_arrays import LABEL_WORDS
from mlpcli.data.preprocessing import SIDE
from mlpcli.data.raw import WHOLE, Parts, Raw, Reading
from mlpcli.data.size_limits import is_plausible_size
from mlpcli.errors import DataError

FORM = "Parquet"
BATCH_SIZE = 16  # rows of pictures unpacked at once
PIXELS_BATCH_SIZE = 1024  # rows of a table with a column for each pixel
LABEL_TYPES = (bool, int, float, str, bytes)


def _parts(path: Path, how: Reading) -> Parts:
    return {WHOLE: partial(_read, path, how)}


def _read(path: Path, how: Reading) -> Raw:
    content, files = extra.content(path)
    with extra.errors_of(path, FORM):
        from pyarrow import parquet

        file = parquet.ParquetFile(io.BytesIO(content))
        _require_plausible(path, file.metadata, len(content))
        schema = file.schema_arrow
        label = how.label or next((n for n in schema.names if n.lower() in LABEL_WORDS), None)
        if label is not None and label not in schema.names:
            raise DataError(f"{path}: has no column {label!r}, only {listed(schema.names)}")
        column = _image_column(schema)
        pixels = [] if column else _pixel_columns(path, schema, label)
        columns = [*([column] if column else pixels), *([label] if label else [])]
        images: list[NDArray[Any]] = []
        labels: list[Any] = []
        # few rows at once: a picture that is stored once may fill any number of rows
        size = BATCH_SIZE if column else PIXELS_BATCH_SIZE
        for batch in file.iter_batches(size, columns=columns):
            first = len(labels)
            labels += batch.column(label).to_pylist() if label else [None] * batch.num_rows
            if column:
                rows = enumerate(batch.column(column).to_pylist(), first)
                images += [_picture(path, i, value, how) for i, value in rows]
            else:
                images += [*np.column_stack([batch.column(name) for name in pixels])]
    if not images:
        raise DataError(f"{path}: holds no images")
    fitted = column is not None and how.fit is not None
    classes = _class_names(schema.metadata, label)
    values = stacked(images) if column else np.stack(images)
    return Raw(values, _labels(path, labels), files, classes, fitted=fitted)


def _require_plausible(path: Path, metadata: Any, file_size: int) -> None:
    """Raise DataError for more rows or bytes than a file of this size holds.

    The metadata of a column is not asked: where it is damaged, pyarrow ends the process.
    """
    rows = metadata.num_rows
    if not is_plausible_size(file_size, rows * SIDE * SIDE):
        raise DataError(f"{path}: promises {rows:,} rows, which cannot be in it")
    groups = range(metadata.num_row_groups)
    announced = sum(metadata.row_group(i).total_byte_size for i in groups)
    if not is_plausible_size(file_size, announced):
        raise DataError(f"{path}: promises {announced:,} bytes, which cannot be in it")


def _labels(path: Path, values: list[Any]) -> NDArray[Any] | None:
    """The labels of all rows; None where no row has one, which the hub writes as -1."""
    if all(value in (None, -1) for value in values):
        return None
    wrong = next((i for i, value in enumerate(values) if not isinstance(value, LABEL_TYPES)), None)
    if wrong is not None:
        raise DataError(
            f"{path}: row {wrong} must have a number or a text as its label, got {values[wrong]!r}"
        )
    return np.asarray(values)


def _image_column(schema: Any) -> str | None:
    """The column of pictures: bytes, or a structure with a field `bytes`; None without one."""
    from pyarrow import types

    for field in schema:
        kind = field.type
        if types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
            return str(field.name)
        if types.is_binary(kind) or types.is_large_binary(kind):
            return str(field.name)
    return None


def _pixel_columns(path: Path, schema: Any, label: str | None) -> list[str]:
    """The columns of a table with a number for each pixel."""
    from pyarrow import types

    rest = [field for field in schema if field.name != label]
    wrong = [f.name for f in rest if not (types.is_integer(f.type) or types.is_floating(f.type))]
    if wrong or len(rest) < 2:
        raise DataError(f"{path}: has no column of pictures, only {listed(schema.names)}")
    return [field.name for field in rest]


def _picture(path: Path, row: int, value: Any, how: Reading) -> NDArray[np.uint8]:
    content = value.get("bytes") if isinstance(value, dict) else value
    if not isinstance(content, bytes):
        raise DataError(f"{path}: row {row} has no bytes of a picture")
    name = f"{path}: row {row}"
    return sized(name, pictures.decode(content, name), how)


def _class_names(metadata: dict[bytes, bytes] | None, label: str | None) -> tuple[str, ...]:
    """Names of the labels, which the hub writes beside the schema."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        return tuple(map(str, features[label]["names"]))
    except (KeyError, TypeError, ValueError):
        return ()


def _fits(path: Path, head: bytes | None) -> bool:
    return head is not None and head.startswith(b"PAR1")


FORMATS = (
    Format(
        "Parquet", "train-00000-of-00001.parquet with image and label", _fits, _parts, extra.EXTRA
    ),
)
