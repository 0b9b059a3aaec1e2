"""Images and cluster nodes."""

from __future__ import annotations

import pytest

from envkit.doctor.rules import orchestration
from tests.doctor.cases import CONTAINER, LAPTOP, WORKSTATION, apart, check, fine, flip, ill, unsure
from tests.doctor.change import changed, unread, with_env
from tests.doctor.further import healthy_node
from tests.doctor.parts import no_driver

NODE = healthy_node()
BRANDS = "cuda>=12.8 brand=unknown,driver>=470,driver<471 brand=tesla,driver>=550,driver<551"


def image(asks):
    return with_env(CONTAINER, NVIDIA_REQUIRE_CUDA=asks)


CASES = (
    # container-driver-too-old
    flip(
        orchestration.container_driver_too_old,
        CONTAINER,
        "env",
        image("cuda>=14.0").env,
        says=("CUDA 14.0", "driver 580.95.05 offers CUDA 13.0"),
        fix=("Update the driver on the host",),
    ),
    ill(
        orchestration.container_driver_too_old,
        "within one major",
        image("cuda>=13.2 brand=tesla,driver>=535,driver<536"),
        "13.2",
        severity="note",
    ),
    fine(orchestration.container_driver_too_old, "new enough", image(BRANDS)),
    fine(
        orchestration.container_driver_too_old,
        "an older branch that the image names",
        changed(image(BRANDS), "nvml.driver_version", "550.90.07", "nvml.cuda_version", "12.4"),
    ),
    apart(orchestration.container_driver_too_old, "no container", WORKSTATION),
    apart(orchestration.container_driver_too_old, "asks for none", CONTAINER),
    apart(
        orchestration.container_driver_too_old,
        "given no GPU",
        changed(image(BRANDS), "nvml", None, "pci", (), "driver", no_driver()),
    ),
    unsure(orchestration.container_driver_too_old, "no host", unread(CONTAINER, "host")),
    unsure(
        orchestration.container_driver_too_old,
        "NVML was not asked",
        unread(changed(image(BRANDS), "driver.module_version", None), "nvml"),
    ),
    # k8s-device-plugin-runtime
    flip(
        orchestration.k8s_device_plugin_runtime,
        NODE,
        "containers.containerd_nvidia",
        False,
        severity="warning",
        says=("Kubernetes node",),
        fix=("runtime configure --runtime=containerd",),
    ),
    fine(orchestration.k8s_device_plugin_runtime, "known", NODE),
    fine(
        orchestration.k8s_device_plugin_runtime,
        "by CDI",
        changed(WORKSTATION, "containers.kubelet", True, "containers.containerd_nvidia", False),
    ),
    apart(orchestration.k8s_device_plugin_runtime, "no node", WORKSTATION),
    apart(orchestration.k8s_device_plugin_runtime, "in a container", CONTAINER),
    apart(orchestration.k8s_device_plugin_runtime, "no GPU", changed(LAPTOP, "containers.kubelet", True)),
    unsure(orchestration.k8s_device_plugin_runtime, "not read", unread(NODE, "containers")),
    unsure(
        orchestration.k8s_device_plugin_runtime,
        "configuration closed",
        changed(NODE, "containers.containerd_nvidia", None),
        "could not be read",
    ),
    unsure(
        orchestration.k8s_device_plugin_runtime,
        "processes hidden",
        changed(NODE, "containers.kubelet", None),
        "could not be read",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(case, compat):
    check(case, compat)
