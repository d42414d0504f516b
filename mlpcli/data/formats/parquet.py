"""Parquet files as the Hugging Face hub has them: pictures and labels (extra `formats`)."""

import io
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpcli.data import pictures
from mlpcli.data.fit import sized, stacked
from mlpcli.data.formats import extra
from mlpcli.data.formats.form import Format
from mlpcli.data.formats.named_arrays import LABEL_WORDS
from mlpcli.data.idx import is_plausible_size
from mlpcli.data.raw import WHOLE, Parts, Raw, Reading
from mlpcli.errors import DataError

FORM = "Parquet"


def _parts(path: Path, how: Reading) -> Parts:
    return {WHOLE: partial(_read, path, how)}


def _read(path: Path, how: Reading) -> Raw:
    content, files = extra.content(path)
    with extra.errors_of(path, FORM):
        from pyarrow import parquet

        file = parquet.ParquetFile(io.BytesIO(content))
        _require_plausible(path, file.metadata)
        schema = file.schema_arrow
        column = _image_column(path, schema)
        label = how.label or next((n for n in schema.names if n.lower() in LABEL_WORDS), None)
        if label is not None and label not in schema.names:
            raise DataError(f"{path}: has no column {label!r}, only {', '.join(schema.names)}")
        columns = [column, *([label] if label else [])]
        rows = file.read(columns=columns)
        values = rows.column(column).to_pylist()
        labels = np.asarray(rows.column(label).to_pylist()) if label else None
    images = [_picture(path, i, value, how) for i, value in enumerate(values)]
    if not images:
        raise DataError(f"{path}: holds no images")
    classes, fitted = _class_names(schema.metadata, label), how.fit is not None
    return Raw(stacked(images), labels, files, classes, fitted=fitted)


def _require_plausible(path: Path, metadata: Any) -> None:
    groups = (metadata.row_group(i) for i in range(metadata.num_row_groups))
    chunks = [group.column(i) for group in groups for i in range(metadata.num_columns)]
    packed = sum(chunk.total_compressed_size for chunk in chunks)
    if not is_plausible_size(packed, sum(chunk.total_uncompressed_size for chunk in chunks)):
        raise DataError(f"{path}: promises more than can be in it")


def _image_column(path: Path, schema: Any) -> str:
    """The column of pictures: bytes, or a structure with a field `bytes`."""
    from pyarrow import types

    for field in schema:
        kind = field.type
        if types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
            return str(field.name)
        if types.is_binary(kind) or types.is_large_binary(kind):
            return str(field.name)
    raise DataError(f"{path}: has no column of pictures, only {', '.join(schema.names)}")


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
