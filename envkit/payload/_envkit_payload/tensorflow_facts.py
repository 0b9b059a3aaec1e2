"""TensorFlow as its build_info.py describes it; nothing is imported."""

import os


def read(folder, distributions):
    """Fields of TensorflowFacts, or None when the folder holds no TensorFlow."""
    path = os.path.join(folder, "python", "platform", "build_info.py")
    facts = {"version": _version(folder, distributions), "path": folder}
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            info = build_info(file.read(1 << 18))
    except OSError:
        return facts if facts["version"] else None
    archs = info.get("cuda_compute_capabilities")
    facts.update(
        is_cuda=info.get("is_cuda_build"),
        is_rocm=info.get("is_rocm_build"),
        cuda=_text(info.get("cuda_version")),
        cudnn=_text(info.get("cudnn_version")),
        archs=[str(arch) for arch in archs] if isinstance(archs, (list, tuple)) else None,
    )
    if facts["is_cuda"] is False:
        facts.update(archs=[], cuda="", cudnn="")
    return facts


def build_info(source):
    """The dict that the module assigns to `build_info`, from its text: `OrderedDict([...])` or `{...}`."""
    import ast  # only where TensorFlow is installed

    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(getattr(t, "id", "") == "build_info" for t in node.targets):
            value = node.value
            if isinstance(value, ast.Call) and value.args:
                value = value.args[0]
            try:
                return dict(ast.literal_eval(value))
            except (ValueError, TypeError):
                return {}
    return {}


def _text(value):
    return None if value is None else str(value)


def _version(folder, distributions):
    location = os.path.dirname(folder)
    for found in distributions:
        if found["location"] == location and found["name"].startswith(("tensorflow", "tf-nightly")):
            if found["name"].partition("-")[2] in ("", "cpu", "intel", "gpu", "rocm", "macos", "nightly"):
                return found["version"]
    return ""
