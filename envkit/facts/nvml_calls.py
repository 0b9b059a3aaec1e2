"""Calls into NVML that may fail, for the child of `nvml_child`."""

from __future__ import annotations

import ctypes
from typing import Any

from envkit.facts.nvml_names import VALUE_MEMBERS

INVALID_ARGUMENT = 2
NOT_SUPPORTED = 3
NO_PERMISSION = 4
NOT_FOUND = 6
GPU_IS_LOST = 15

Call = tuple[Any, ...]
"""A pynvml function's name and its arguments."""


class Calls:
    """Calls on behalf of one worker.

    A function that this driver, this GPU or this pynvml lacks gives None and a line in `unread`.
    """

    def __init__(self, nvml: Any) -> None:
        self.nvml = nvml
        self.current = ""
        """The call that has not returned yet, for a thread that watches."""
        self.lost = False
        """The GPU has gone; nothing is asked of it any more, since each call may take long."""
        self.code: int | None = None
        """nvmlReturn_t of the last call that failed (-1: not NVML's); None after one that answered."""
        self.error = ""
        """The text that goes with `code`."""
        self.unread: list[str] = []

    def text(self, error: Exception) -> str:
        """NVML's own words for an error."""
        try:
            return str(self.nvml.nvmlErrorString(error.value))  # type: ignore[attr-defined]
        except Exception:
            return str(error) or type(error).__name__

    def get(self, name: str, *args: Any) -> Any:
        """The value of one function, or None."""
        return self.either((name, *args))

    def either(self, *choices: Call) -> Any:
        """The value of the first function that answers, or None; then the first one's error is noted."""
        reason = ""
        for name, *args in choices:
            if self.lost:
                break
            self.current, self.code = name, None
            try:
                return getattr(self.nvml, name)(*args)
            except Exception as error:  # of NVML, of ctypes, of decoding: one value must not cost the others
                self.code = getattr(error, "value", -1)
                self.error = self.text(error)
                self.lost = self.code == GPU_IS_LOST
                reason = reason or f"{choices[0][0]}: {self.error}"
            finally:
                self.current = ""
        if reason and reason not in self.unread:
            self.unread.append(reason)
        return None

    def expecting(self, code: int, name: str, *args: Any) -> Any:
        """`get` where the error `code` is an answer and not a gap."""
        before = list(self.unread)
        value = self.get(name, *args)
        if self.code == code:
            self.unread[:] = before
        return value

    def struct(self, handle: Any, *choices: tuple[str, ctypes.Structure]) -> Any:
        """The first struct that the function beside it fills, or None."""
        before = list(self.unread)
        noted = before
        for function, struct in choices:
            if self.get(function, handle, ctypes.byref(struct)) is not None:
                self.unread[:] = before
                return struct
            noted = list(self.unread) if noted == before else noted
        self.unread[:] = noted
        return None

    def fields(self, handle: Any, *wanted: int | tuple[int, int]) -> dict[tuple[int, int], int]:
        """Integers of nvmlDeviceGetFieldValues by (field, scope); what the GPU does not have is left out."""
        found = self.get("nvmlDeviceGetFieldValues", handle, list(wanted)) or ()
        return {
            (item.fieldId, item.scopeId): getattr(item.value, VALUE_MEMBERS[item.valueType])
            for item in found
            if item.nvmlReturn == 0 and item.valueType in VALUE_MEMBERS
        }
