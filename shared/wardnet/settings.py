"""Settings: typed, frozen, from `settings.toml` and the environment, each with its source.

A program's settings are a subclass of `Settings`; `load` reads them and `effective` says what they
are and where each came from. Secrets are never settings, only paths to them.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, TypeAlias, TypeVar

from pydantic import JsonValue, PrivateAttr, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from wardnet.errors import Reason, WardnetError

FILE_NAME: Final = "settings.toml"

PREFIXES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "WARDNET_NODE_": "`wardnet-node init`",
        "WARDNET_COORDINATOR_": "`wardnet-coordinator init`",
        "WARDNET_": "`wardnet login`",
    }
)
"""Of the three programs, the longer ones first; and what makes a home of each."""

OPTIONS: Final = frozenset({"home", "passphrase_file"})
"""Options of every command that may also stand in the environment; they are no settings."""

Source: TypeAlias = Literal["default", "file", "environment"]


class Settings(BaseSettings):
    """Hold a program's settings; a subclass declares its fields and its prefix, one of `PREFIXES`.

    `model_config = SettingsConfigDict(env_prefix="WARDNET_NODE_")`
    """

    model_config = SettingsConfigDict(
        env_prefix="WARDNET_",
        frozen=True,
        extra="forbid",
        validate_default=True,
        use_attribute_docstrings=True,
    )

    _sources: Mapping[str, Source] = PrivateAttr(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Effective:
    """Show one setting.

    Parameters
    ----------
    name : str
        Of the setting.
    value : JsonValue
        In force.
    source : str
        `default`, `file` or `environment`.
    """

    name: str
    value: JsonValue
    source: Source


S = TypeVar("S", bound=Settings)


def load(kind: type[S], home: Path) -> S:
    """Read the settings of a program from its home and the environment, which wins.

    Raises
    ------
    WardnetError
        `WRONG_SETTING`, naming the setting, where it stands, and the rule; never its value.
        `NOT_INITIALISED` when one is missing and there is no file: nobody has begun a home there.
    """
    path = home / FILE_NAME
    # 1. Nothing that looks like ours may be unknown: a typo must not leave a default in force.
    _refuse_unknown_variables(kind)
    file, environment = _from_file(path), _from_environment(kind)
    for name in file.keys() - kind.model_fields.keys():
        raise _wrong(name=name, place=str(path), rule="there is no such setting")
    # 2. The environment wins; remember who said what.
    sources: dict[str, Source] = dict.fromkeys(file, "file")
    sources |= dict.fromkeys(environment, "environment")
    # 3. Check types and ranges.
    try:
        settings = kind.model_validate({**file, **environment})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        if first["type"] == "missing" and not path.exists():
            raise not_initialised(kind, home) from None
        name = str(first["loc"][0]) if first["loc"] else "the settings"
        place = _place(kind, name, sources, path)
        raise _wrong(name=name, place=place, rule=first["msg"]) from None
    settings._sources = sources  # noqa: SLF001 - set once, here
    return settings


def not_initialised(kind: type[Settings], home: Path) -> WardnetError:
    """Return what says that a program has no home there yet, and how to begin one."""
    return WardnetError(Reason.NOT_INITIALISED, path=str(home), rule=PREFIXES[_prefix(kind)])


def where(settings: Settings, name: str, home: Path) -> str:
    """Return where a setting stands, in words."""
    return _place(type(settings), name, settings._sources, home / FILE_NAME)  # noqa: SLF001 - as above


def effective(settings: Settings) -> tuple[Effective, ...]:
    """Return every setting with its value and source, in the order of declaration."""
    values = settings.model_dump(mode="json")
    sources = settings._sources  # noqa: SLF001 - the class has no other reader
    return tuple(
        Effective(name, value, sources.get(name, "default")) for name, value in values.items()
    )


def _from_file(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _wrong(
            name=FILE_NAME, place=str(path), rule=f"it is not TOML ({_where(error)})"
        ) from error
    except OSError as error:
        raise WardnetError(
            Reason.FILE_UNREADABLE, file=str(path), rule=error.strerror or "unknown cause"
        ) from error


def _where(error: Exception) -> str:
    text = str(error)
    return text[text.rfind("(") + 1 :].rstrip(")") if "(at " in text else "not UTF-8"


def _from_environment(kind: type[Settings]) -> dict[str, object]:
    try:
        return EnvSettingsSource(kind)()
    except SettingsError as error:
        field = re.search(r'field "(\w+)"', str(error))
        name = field[1] if field else "of a list"
        place = f"the environment ({_prefix(kind)}{name.upper()})"
        raise _wrong(
            name=name, place=place, rule='it takes a JSON list, as in ["a", "b"]'
        ) from error


def _refuse_unknown_variables(kind: type[Settings]) -> None:
    known = kind.model_fields.keys() | OPTIONS
    for variable in os.environ:
        name = variable.upper()
        owner = next((prefix for prefix in PREFIXES if name.startswith(prefix)), None)
        if owner == _prefix(kind) and name.removeprefix(owner).lower() not in known:
            raise _wrong(name=variable, place="the environment", rule="there is no such setting")


def _prefix(kind: type[Settings]) -> str:
    return kind.model_config["env_prefix"]


def _place(kind: type[Settings], name: str, sources: Mapping[str, Source], path: Path) -> str:
    if sources.get(name) == "environment":
        return f"the environment ({_prefix(kind)}{name.upper()})"
    return str(path)


def _wrong(*, name: str, place: str, rule: str) -> WardnetError:
    return WardnetError(Reason.WRONG_SETTING, setting=name, path=place, rule=rule)
