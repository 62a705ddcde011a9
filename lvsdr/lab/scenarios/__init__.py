"""The scenarios, one module each; every module in this folder is found by itself."""

from __future__ import annotations

import importlib
import pkgutil

from lvsdr.lab.scenario import Scenario


def _found() -> dict[str, Scenario]:
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    found = (importlib.import_module(f"{__name__}.{name}").SCENARIO for name in names)
    return {_called(name): scenario for name, scenario in zip(names, found, strict=True)}


def _called(module: str) -> str:
    # Where another module in the tree has the scenario's name, this one has a longer one.
    return module.removesuffix("_scenario").replace("_", "-")


SCENARIOS: dict[str, Scenario] = _found()
