"""What the sections of the settings are made of: records with described fields and strict types."""

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Discriminator, Field, model_validator

Fraction = Annotated[float, Field(ge=0, lt=1)]
SYNONYMS = "x-synonyms"  # of the JSON Schema: what other programs call a setting


def field(default: Any, description: str, *, synonyms: str = "", **limits: Any) -> Any:
    """A field with its default; limits: its range, as pydantic's ge, gt, le and lt.

    synonyms: what other programs call it; a message about such a key names this one.
    """
    extra: Any = {SYNONYMS: synonyms.split()} if synonyms else None
    return Field(default=default, description=description, json_schema_extra=extra, **limits)


class Frozen(BaseModel):
    """A record: unknown keys, coerced types and later changes are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    def replace(self, **changes: Any) -> Self:
        """The record with these values in place of its own, checked as a file's are."""
        return self.model_validate({**dict(self), **changes})


class Section(Frozen):
    """Part of the settings, whose values may be written as people do."""

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, values: Any) -> Any:
        """The values as the fields have them, where people write them more simply."""
        if not isinstance(values, dict):
            return values
        fields = cls.model_fields
        return {k: _plain(v, fields[k].annotation) if k in fields else v for k, v in values.items()}


def named(default: str) -> Discriminator:
    """The kind of a section is its name, or the default without one."""

    def name(value: Any) -> str:
        if isinstance(value, dict):
            return str(value.get("name", default)).lower()
        return getattr(value, "name", default)

    return Discriminator(name)


def _plain(value: Any, annotation: Any) -> Any:
    """A name in capitals as the name, and numbers without brackets as their list.

    >>> _plain("64,32", tuple[int, ...]), _plain(256, tuple[int, ...]), _plain("A", Literal["a"])
    ([64, 32], [256], 'a')
    """
    kinds = list(_kinds(annotation))
    if isinstance(value, str):
        names = {name for kind in kinds if get_origin(kind) is Literal for name in get_args(kind)}
        if value.lower() in names:
            return value.lower()
    if any(get_origin(kind) is tuple for kind in kinds):
        if isinstance(value, int | float) and not isinstance(value, bool):
            return [value]
        if isinstance(value, str) and "," in value:
            try:
                return json.loads(f"[{value.strip('()')}]")
            except ValueError:
                return value
    return value


def _kinds(annotation: Any) -> Iterator[Any]:
    """The types that an annotation allows."""
    if get_origin(annotation) in (Literal, tuple, dict) or not get_args(annotation):
        yield annotation
        return
    for part in get_args(annotation):
        yield from _kinds(part)
