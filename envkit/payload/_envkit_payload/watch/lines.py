"""A value as JSON, without the `json` of the standard library: it is for the script to import first."""

from _json import encode_basestring_ascii as _text


def encode(value):
    """The text of a value; one that JSON does not know as what `str` says of it."""
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    kind = type(value)
    if kind is int:
        return repr(value)
    if kind is float:
        return _float(value)
    if kind is str:
        return _text(value)
    if isinstance(value, dict):
        pairs = ["{}: {}".format(_text(str(key)), encode(one)) for key, one in value.items()]
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join([encode(one) for one in value]) + "]"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return _float(float(value))
    return _text(str(value))


def _float(value):
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)
