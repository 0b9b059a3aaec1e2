"""On files that are empty, cut, binary or of another kind, no probe raises or gives what cannot be saved."""

import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envkit.core.codec import dumps
from envkit.core.machine import Machine
from envkit.facts.probe import ProbeStop
from envkit.facts.probes import cpu, host, limits, memory, processes, scheduler, storage
from tests.recorded import MACHINES, recorded

PROBES = (host, scheduler, cpu, memory, limits, processes, storage)
JUNK = (b"", b"\n", b"\0\xff\xfe", b"-1", b"9" * 400, b"a:b:c d=e f\n" * 3, b"0::/../..\n", b": - : /\n" * 9)


@pytest.mark.parametrize("name", ["nfs-hung", "k8s-pod-v1", "jetson", "docker-quota-v2"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files(tmp_path_factory, name, data):
    root = tmp_path_factory.mktemp("damaged") / "root"
    shutil.copytree(MACHINES / name / "root", root, symlinks=True)
    whole = recorded(name)
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    for path in data.draw(st.lists(st.sampled_from(files), min_size=1, max_size=25, unique=True)):
        content = path.read_bytes()
        cut = st.integers(0, len(content)).map(lambda end, content=content: content[:end])
        path.write_bytes(data.draw(st.sampled_from(JUNK) | st.binary(max_size=80) | cut))
    for probe in PROBES:
        try:
            dumps(probe.read(Machine(root=root, env=whole.env, run=whole.run)))
        except ProbeStop:
            pass
    shutil.rmtree(root)
