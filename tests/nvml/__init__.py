"""A stub of libnvidia-ml.so.1 and machines described for it; see `fixtures`."""

from tests.nvml.fixtures import NAMES, Scenario, nvml_machine, nvml_scenario, scenario

__all__ = ["NAMES", "Scenario", "nvml_machine", "nvml_scenario", "scenario"]
