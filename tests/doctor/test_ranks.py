"""Several GPUs, several ranks, several machines."""

from __future__ import annotations

import pytest

from envkit.doctor.rules import ranks
from envkit.facts.gpu_model import Nvml
from envkit.facts.host_model import Scheduler
from tests.doctor.cases import LAPTOP, SERVER, WORKSTATION, apart, check, fine, flip, ill, unsure
from tests.doctor.change import WHY, changed, unread, with_env
from tests.doctor.further import healthy_geforces, healthy_pair, silent_gpu
from tests.doctor.machines import healthy_pod

PAIR, GEFORCES, POD = healthy_pair(), healthy_geforces(), healthy_pod()
TWO_NODES = Scheduler(name="slurm", job_id="4711", gpus=("0",), nodes=2)
CHOSEN = with_env(WORKSTATION, NCCL_SOCKET_IFNAME="enp5s0")
JOB = with_env(changed(WORKSTATION, "scheduler", TWO_NODES), GLOO_SOCKET_IFNAME="enp5s0")
PORT = with_env(changed(WORKSTATION, "network.master_port_taken", False), MASTER_PORT="29500")
FOUR = with_env(WORKSTATION, LOCAL_WORLD_SIZE="4")


def nccl(value):
    return with_env(WORKSTATION, NCCL_SOCKET_IFNAME=value)


CASES = (
    # nccl-p2p-acs
    flip(
        ranks.nccl_p2p_acs,
        PAIR,
        "pci[1].acs",
        True,
        severity="warning",
        says=("ACS", "through the CPU"),
        fix=("iommu=pt", "NCCL_P2P_DISABLE=1"),
    ),
    flip(ranks.nccl_p2p_acs, PAIR, "pci[*].iommu", "DMA-FQ", severity="note", says=("IOMMU translates",)),
    fine(ranks.nccl_p2p_acs, "passed through", PAIR),
    apart(ranks.nccl_p2p_acs, "NVLink", SERVER, "do not copy to each other over PCIe"),
    apart(ranks.nccl_p2p_acs, "one GPU", WORKSTATION),
    apart(ranks.nccl_p2p_acs, "a virtual machine", changed(PAIR, "host.virtualization", "kvm")),
    apart(ranks.nccl_p2p_acs, "no copies", changed(PAIR, "nvml.p2p[*].read", "chipset-not-supported")),
    unsure(ranks.nccl_p2p_acs, "NVML was not asked", unread(PAIR, "nvml")),
    unsure(ranks.nccl_p2p_acs, "no bus", unread(PAIR, "pci")),
    unsure(ranks.nccl_p2p_acs, "no host", unread(PAIR, "host")),
    unsure(
        ranks.nccl_p2p_acs,
        "neither group nor port",
        changed(PAIR, "pci[*].iommu", None, "pci[*].acs", None),
        "could be read",
    ),
    # nccl-p2p-rtx40
    flip(
        ranks.nccl_p2p_rtx40,
        GEFORCES,
        "env",
        (),
        severity="warning",
        says=("2 x NVIDIA GeForce RTX 4090", "545.29.06"),
        fix=("export NCCL_P2P_DISABLE=1 NCCL_IB_DISABLE=1",),
    ),
    ill(
        ranks.nccl_p2p_rtx40,
        "without accelerate",
        changed(GEFORCES, "env", (), "python.distributions", ()),
        severity="note",
    ),
    fine(ranks.nccl_p2p_rtx40, "told", GEFORCES),
    fine(
        ranks.nccl_p2p_rtx40,
        "a newer driver",
        changed(GEFORCES, "nvml.driver_version", "580.95.05", "env", ()),
    ),
    apart(ranks.nccl_p2p_rtx40, "other cards", PAIR),
    apart(ranks.nccl_p2p_rtx40, "one card", WORKSTATION),
    unsure(ranks.nccl_p2p_rtx40, "NVML was not asked", unread(GEFORCES, "nvml")),
    unsure(ranks.nccl_p2p_rtx40, "no environment", unread(GEFORCES, "env", probe="environment")),
    # nccl-socket-ifname
    flip(
        ranks.nccl_socket_ifname,
        CHOSEN,
        "network.interfaces",
        ("lo", "eth0"),
        says=("NCCL_SOCKET_IFNAME=enp5s0",),
        fix=("ip -brief address",),
    ),
    ill(ranks.nccl_socket_ifname, "a whole name", nccl("=enp5"), "=enp5"),
    ill(
        ranks.nccl_socket_ifname,
        "Gloo takes whole names",
        with_env(WORKSTATION, GLOO_SOCKET_IFNAME="enp"),
        "GLOO_SOCKET_IFNAME=enp",
    ),
    ill(
        ranks.nccl_socket_ifname,
        "each machine finds itself",
        with_env(JOB, MASTER_ADDR="localhost"),
        "MASTER_ADDR=localhost",
    ),
    ill(
        ranks.nccl_socket_ifname,
        "its name leads home",
        with_env(WORKSTATION, WORLD_SIZE="16", LOCAL_WORLD_SIZE="1"),
        "own name",
        severity="warning",
    ),
    fine(ranks.nccl_socket_ifname, "nothing chosen", WORKSTATION),
    fine(ranks.nccl_socket_ifname, "the start of a name", nccl("eth,enp")),
    fine(ranks.nccl_socket_ifname, "with a port", nccl("enp5s0:4")),
    fine(ranks.nccl_socket_ifname, "all but those", nccl("^docker0,lo")),
    fine(ranks.nccl_socket_ifname, "a job on two machines", with_env(JOB, MASTER_ADDR="node1")),
    unsure(ranks.nccl_socket_ifname, "no environment", unread(WORKSTATION, "env", probe="environment")),
    unsure(ranks.nccl_socket_ifname, "no interfaces", unread(CHOSEN, "network")),
    # more-ranks-than-gpus
    flip(
        ranks.more_ranks_than_gpus,
        WORKSTATION,
        "env",
        FOUR.env,
        says=("4 ranks", "1 GPUs"),
        fix=("torchrun",),
    ),
    ill(
        ranks.more_ranks_than_gpus,
        "CPU builds",
        changed(FOUR, "python.torch.cuda", ""),
        severity="note",
    ),
    fine(ranks.more_ranks_than_gpus, "no launcher", WORKSTATION),
    fine(ranks.more_ranks_than_gpus, "one each", with_env(SERVER, LOCAL_WORLD_SIZE="8")),
    apart(ranks.more_ranks_than_gpus, "no GPU", with_env(LAPTOP, LOCAL_WORLD_SIZE="2")),
    apart(ranks.more_ranks_than_gpus, "MIG", with_env(POD, LOCAL_WORLD_SIZE="2"), "MIG"),
    unsure(ranks.more_ranks_than_gpus, "no environment", unread(WORKSTATION, "env", probe="environment")),
    unsure(ranks.more_ranks_than_gpus, "NVML was not asked", unread(FOUR, "nvml")),
    unsure(
        ranks.more_ranks_than_gpus,
        "a GPU that did not answer",
        with_env(changed(SERVER, "nvml", silent_gpu(SERVER, 3)), LOCAL_WORLD_SIZE="8"),
        "GPU 3",
    ),
    # master-port-in-use
    flip(
        ranks.master_port_in_use,
        PORT,
        "network.master_port_taken",
        True,
        severity="warning",
        says=("port 29500",),
        fix=("--rdzv-endpoint=localhost:0",),
    ),
    fine(ranks.master_port_in_use, "free", PORT),
    fine(ranks.master_port_in_use, "none chosen", WORKSTATION),
    apart(ranks.master_port_in_use, "a rank of the run", with_env(PORT, RANK="0")),
    unsure(ranks.master_port_in_use, "no environment", unread(WORKSTATION, "env", probe="environment")),
    unsure(ranks.master_port_in_use, "not read", unread(PORT, "network")),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(case, compat):
    check(case, compat)


def test_a_driver_that_hangs_leaves_the_question_open(compat):
    hung = changed(WORKSTATION, "nvml", Nvml(state="hung", detail=WHY))
    assert ranks.nccl_p2p_acs(hung, compat).why == f"NVML: {WHY}"
