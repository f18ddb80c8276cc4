"""The methods that this version knows."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from wardnet.statistics.count import Count
from wardnet.statistics.method import Method
from wardnet.statistics.summary import Summary

METHODS: Final[Mapping[str, Method[Any, Any]]] = MappingProxyType(
    {method.name: method for method in (Count(), Summary())}
)
"""Every method by its name."""
