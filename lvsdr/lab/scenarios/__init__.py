"""The scenarios, one module each; every module in this folder is found by itself."""

from __future__ import annotations

import importlib
import pkgutil

from lvsdr.lab.scenario import Scenario


def _found() -> dict[str, Scenario]:
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    found = (importlib.import_module(f"{__name__}.{name}").SCENARIO for name in names)
    return {name.replace("_", "-"): scenario for name, scenario in zip(names, found, strict=True)}


SCENARIOS: dict[str, Scenario] = _found()
