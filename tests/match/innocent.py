"""Texts in which nothing is wrong, as programs print them."""

# ruff: noqa: E501 - lines of logs are as long as they are

TRAINING = """\
2024-11-02 10:00:01,312 INFO root: torch 2.5.1+cu124, CUDA available: True, 4 x NVIDIA A100-SXM4-80GB
W1102 10:00:02.100000 1 torch/distributed/run.py:793] Setting OMP_NUM_THREADS environment variable for each process \
to be 1 in default, to avoid your system being overloaded, please further tune the variable for optimal performance
NCCL version 2.21.5+cuda12.4
node1:1:1 [0] NCCL INFO Bootstrap : Using eth0:10.0.0.4<0>
node1:1:1 [0] NCCL INFO NET/Plugin : No plugin found (libnccl-net.so), using internal implementation
node1:1:1 [0] NCCL INFO P2P Chunksize set to 524288
node1:1:1 [0] NCCL INFO Channel 00/24 :    0   1   2   3
node1:1:1 [0] NCCL INFO Connected all rings
node1:1:1 [0] NCCL INFO comm 0x55 rank 0 nranks 4 cudaDev 0 nvmlDev 0 busId 7000 - Init COMPLETE
wandb: Tracking run with wandb version 0.18.5
Loading checkpoint shards: 100%|##########| 4/4 [00:08<00:00,  2.11s/it]
Some weights of BertForSequenceClassification were not initialized from the model checkpoint and are newly initialized
You should probably TRAIN this model on a down-stream task to be able to use it for predictions and inference.
Epoch 1/3:  12%|#2        | 120/1000 [01:02<07:31,  1.95it/s, loss=2.31, lr=1e-4]
step 500 loss 1.912 grad_norm 0.83 tokens/s 41023 gpu_mem 61.2GiB error_rate 0.031
Validation error: 0.21, top-5 error: 0.04
Saving model checkpoint to out/checkpoint-500
Training completed. Do not forget to share your model on huggingface.co/models =)
"""

TENSORFLOW = """\
2024-11-02 10:00:01.100000: I tensorflow/core/util/port.cc:153] oneDNN custom operations are on. You may see slightly \
different numerical results due to floating-point round-off errors from different computation orders. To turn them off, \
set the environment variable `TF_ENABLE_ONEDNN_OPTS=0`.
2024-11-02 10:00:01.200000: E external/local_xla/xla/stream_executor/cuda/cuda_fft.cc:485] Unable to register cuFFT \
factory: Attempting to register factory for plugin cuFFT when one has already been registered
2024-11-02 10:00:01.300000: I tensorflow/core/platform/cpu_feature_guard.cc:210] This TensorFlow binary is optimized to \
use available CPU instructions in performance-critical operations.
To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow with the appropriate compiler flags.
2024-11-02 10:00:02.000000: W tensorflow/compiler/tf2tensorrt/utils/py_utils.cc:38] TF-TRT Warning: Could not find TensorRT
2024-11-02 10:00:02.100000: I external/local_xla/xla/stream_executor/cuda/cuda_executor.cc:998] successful NUMA node read \
from SysFS had negative value (-1), but there must be at least one NUMA node, so returning NUMA node zero.
2024-11-02 10:00:03.000000: I tensorflow/core/common_runtime/gpu/gpu_device.cc:2021] Created device \
/job:localhost/replica:0/task:0/device:GPU:0 with 38375 MB memory:  -> device: 0, name: NVIDIA A100-SXM4-40GB, pci bus \
id: 0000:07:00.0, compute capability: 8.0
2024-11-02 10:00:04.000000: I external/local_xla/xla/stream_executor/cuda/cuda_dnn.cc:465] Loaded cuDNN version 90300
2024-11-02 10:00:05.000000: I external/local_xla/xla/service/service.cc:146] XLA service 0x7f initialized for platform CUDA
Epoch 1/5
1875/1875 - 4s 2ms/step - accuracy: 0.9120 - loss: 0.2985
"""

PIP = """\
Looking in indexes: https://download.pytorch.org/whl/cu124
Collecting torch
  Downloading https://download.pytorch.org/whl/cu124/torch-2.5.1%2Bcu124-cp312-cp312-linux_x86_64.whl (908.3 MB)
Requirement already satisfied: numpy in ./.venv/lib/python3.12/site-packages (2.1.2)
Collecting nvidia-cudnn-cu12==9.1.0.70 (from torch)
Collecting nvidia-nccl-cu12==2.21.5 (from torch)
Collecting triton==3.1.0 (from torch)
  Downloading triton-3.1.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl.metadata (1.3 kB)
Installing collected packages: mpmath, triton, nvidia-nvjitlink-cu12, nvidia-cudnn-cu12, torch, torchvision
Defaulting to user installation because normal site-packages is not writeable
Successfully installed nvidia-cudnn-cu12-9.1.0.70 torch-2.5.1+cu124 torchvision-0.20.1+cu124 triton-3.1.0
WARNING: Running pip as the 'root' user can result in broken permissions and conflicting behaviour with the system \
package manager. It is recommended to use a virtual environment instead: https://pip.pypa.io/warnings/venv
[notice] A new release of pip is available: 24.0 -> 24.3.1
Resolved 24 packages in 1.20s
Installed 24 packages in 310ms
"""

NVIDIA_SMI = """\
Sat Nov  2 10:00:00 2024
+-----------------------------------------------------------------------------------------+
| NVIDIA-SMI 550.127.05             Driver Version: 550.127.05     CUDA Version: 12.4     |
|-----------------------------------------+------------------------+----------------------+
| GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile Uncorr. ECC |
| Fan  Temp   Perf          Pwr:Usage/Cap |           Memory-Usage | GPU-Util  Compute M. |
|                                         |                        |               MIG M. |
|=========================================+========================+======================|
|   0  NVIDIA A100-SXM4-80GB          On  |   00000000:07:00.0 Off |                    0 |
| N/A   31C    P0             62W /  400W |       4MiB /  81920MiB |      0%      Default |
|                                         |                        |             Disabled |
+-----------------------------------------+------------------------+----------------------+
|  Processes:                                                                              |
|  No running processes found                                                             |
+-----------------------------------------------------------------------------------------+
        Clocks Event Reasons
            Idle                                           : Active
            SW Power Cap                                   : Not Active
            HW Slowdown                                    : Not Active
                HW Thermal Slowdown                        : Not Active
                HW Power Brake Slowdown                    : Not Active
            SW Thermal Slowdown                            : Not Active
    ECC Errors
            SRAM Uncorrectable Parity                      : 0
    Remapped Rows
        Correctable Error                                  : 0
        Uncorrectable Error                                : 0
        Pending                                            : No
        Remapping Failure Occurred                         : No
    Fabric
        State                                              : N/A
        Status                                             : N/A
"""

APT = """\
Reading package lists... Done
Building dependency tree... Done
The following NEW packages will be installed:
  dkms libnvidia-compute-550 nvidia-dkms-550 nvidia-driver-550 nvidia-kernel-common-550 nvidia-utils-550
0 upgraded, 6 newly installed, 0 to remove and 3 not upgraded.
Get:1 http://archive.ubuntu.com/ubuntu noble-updates/restricted amd64 nvidia-driver-550 amd64 550.120-0ubuntu0.24.04.1
Setting up nvidia-dkms-550 (550.120-0ubuntu0.24.04.1) ...
update-initramfs: deferring update (trigger activated)
Loading new nvidia-550.120 DKMS files...
Building for 6.8.0-48-generic
Building initial module for 6.8.0-48-generic
Done.
nvidia.ko.zst:
Running module version sanity check.
 - Original module
   - No original module exists within this kernel
depmod....
Processing triggers for libc-bin (2.39-0ubuntu8.3) ...
No services need to be restarted.
"""

DMESG = """\
[    0.000000] Linux version 6.8.0-48-generic (buildd@lcy02) (x86_64-linux-gnu-gcc-13)
[    0.000000] Command line: BOOT_IMAGE=/vmlinuz root=UUID=1 ro quiet splash
[    0.350000] DMAR: IOMMU enabled
[    0.351000] AMD-Vi: Interrupt remapping enabled
[    1.200000] ACPI: bus type PCI registered
[    3.300000] nvidia: loading out-of-tree module taints kernel.
[    3.300100] nvidia: module verification failed: signature and/or required key missing - tainting kernel
[    3.350000] nvidia-nvlink: Nvlink Core is being initialized, major device number 235
[    3.351000] nvidia 0000:07:00.0: enabling device (0140 -> 0142)
[    3.420000] NVRM: loading NVIDIA UNIX x86_64 Kernel Module  550.127.05  Tue Oct  8 03:22:07 UTC 2024
[    3.500000] nvidia-modeset: Loading NVIDIA Kernel Mode Setting Driver for UNIX platforms  550.127.05
[    3.600000] [drm] Initialized nvidia-drm 0.0.0 20160202 for 0000:07:00.0 on minor 0
[    4.100000] EXT4-fs (nvme0n1p2): mounted filesystem with ordered data mode
[    5.000000] nvidia_uvm: module uses symbols nvUvmInterfaceDisableAccessCntr from proprietary module nvidia
[    9.000000] docker0: port 1(veth0) entered forwarding state
"""

COLLECT_ENV = """\
Collecting environment information...
PyTorch version: 2.5.1+cu124
Is debug build: False
CUDA used to build PyTorch: 12.4
ROCM used to build PyTorch: N/A
OS: Ubuntu 22.04.5 LTS (x86_64)
GCC version: (Ubuntu 11.4.0-1ubuntu1~22.04) 11.4.0
Clang version: Could not collect
Libc version: glibc-2.35
Python version: 3.12.7 (64-bit runtime)
Is CUDA available: True
CUDA runtime version: Could not collect
CUDA_MODULE_LOADING set to: LAZY
GPU models and configuration: GPU 0: NVIDIA A100-SXM4-80GB
Nvidia driver version: 550.127.05
cuDNN version: Could not collect
HIP runtime version: N/A
MIOpen runtime version: N/A
Is XNNPACK available: True
Versions of relevant libraries:
[pip3] numpy==2.1.2
[pip3] nvidia-nccl-cu12==2.21.5
[pip3] torch==2.5.1+cu124
[conda] Could not collect
"""

PROSE = """\
Our error budget is fine. The sliding windows of the model overlap; the docker image was built yesterday.
We killed the baseline by 2 points. The resume of the applicant is attached, and the proxy metric improved.
A memory of size 64 is kept per token. The target index starts at 0. No space was left in the room.
"""

DEEPSPEED = """\
[2024-01-01 10:00:00,000] [INFO] [real_accelerator.py:203:get_accelerator] Setting ds_accelerator to cuda (auto detect)
[WARNING]  async_io requires the dev libaio .so object and headers but these were not found.
[WARNING]  async_io: please install the libaio-dev package with apt
[WARNING]  If libaio is already installed (perhaps from source), try setting the CFLAGS and LDFLAGS environment variables to where it can be found.
[WARNING]  using untested triton version (2.2.0), only 1.0.0 is known to be compatible
[INFO] [comm.py:637:init_distributed] cdb=None
[INFO] [comm.py:668:init_distributed] Initializing TorchBackend in DeepSpeed with backend nccl
Using /root/.cache/torch_extensions/py310_cu121 as PyTorch extensions root...
Detected CUDA files, patching ldflags
Emitting ninja build file /root/.cache/torch_extensions/py310_cu121/fused_adam/build.ninja...
ninja: no work to do.
Loading extension module fused_adam...
[INFO] [stage3.py:1] overflow: False loss scale: 65536
"""

VLLM = """\
INFO 01-01 10:00:00 llm_engine.py:223] Initializing an LLM engine (v0.6.3) with config: model='x', tensor_parallel_size=2, gpu_memory_utilization=0.9
INFO 01-01 model_runner.py:1056] Starting to load model x...
INFO 01-01 gpu_executor.py:122] # GPU blocks: 27905, # CPU blocks: 2048
INFO 01-01 model_runner.py:1400] CUDA graphs can take additional 1~3 GiB memory per GPU. If you are running out of memory, consider decreasing `gpu_memory_utilization` or enforcing eager mode.
WARNING 01-01 custom_all_reduce.py:132] Custom allreduce is disabled because it's not supported on more than two PCIe-only GPUs. To silence this warning, specify disable_custom_all_reduce=True explicitly.
INFO: Uvicorn running on http://0.0.0.0:8000 (Press CTRL+C to quit)
"""

BITSANDBYTES = """\
===================================BUG REPORT===================================
Welcome to bitsandbytes. For bug reports, please run python -m bitsandbytes
CUDA SETUP: CUDA runtime path found: /usr/local/cuda/lib64/libcudart.so.11.0
CUDA SETUP: Highest compute capability among GPUs detected: 8.0
CUDA SETUP: Detected CUDA version 118
CUDA SETUP: Loading binary /opt/conda/lib/python3.10/site-packages/bitsandbytes/libbitsandbytes_cuda118.so...
"""

CONDA = """\
Channels:
 - pytorch
 - nvidia
Platform: linux-64
Collecting package metadata (repodata.json): done
Solving environment: done
## Package Plan ##
  environment location: /home/u/miniconda3/envs/x
  added / updated specs:
    - pytorch
    - pytorch-cuda=12.1
  pytorch            pytorch/linux-64::pytorch-2.5.1-py3.12_cuda12.1_cudnn9.1.0_0
  pytorch-mutex      pytorch/noarch::pytorch-mutex-1.0-cuda
  mkl                pkgs/main/linux-64::mkl-2023.1.0-h213fc3f_46344
Downloading and Extracting Packages: done
Preparing transaction: done
"""

DOCKER = """\
#1 [internal] load build definition from Dockerfile
#5 [2/6] RUN apt-get update && apt-get install -y build-essential python3-dev
#8 [4/6] RUN pip install torch==2.5.1 --index-url https://download.pytorch.org/whl/cu124
#8 12.3 Successfully installed torch-2.5.1+cu124
$ docker run --gpus all --ipc=host --ulimit memlock=-1 --ulimit stack=67108864 -it nvcr.io/nvidia/pytorch:24.10-py3
=============
== PyTorch ==
=============
NVIDIA Release 24.10 (build 114410972)
PyTorch Version 2.5.0a0+e000cf0
Container image Copyright (c) 2024, NVIDIA CORPORATION & AFFILIATES. All rights reserved.
root@abc:~# python train.py
epoch 1 loss 0.3
"""

SLURM = """\
srun: job 4242 queued and waiting for resources
srun: job 4242 has been allocated resources
SLURM_JOB_GPUS=0,1 CUDA_VISIBLE_DEVICES=0,1
Loading module gcc/12.2.0 cuda/12.1
torch.cuda.is_available() True 2
Epoch 1: train loss 0.32 val loss 0.30
"""

JAX = """\
INFO:jax._src.xla_bridge:Unable to initialize backend 'rocm': NOT_FOUND: Could not find registered platform with name: "rocm". Available platform names are: CUDA
INFO:jax._src.xla_bridge:Unable to initialize backend 'tpu': INTERNAL: Failed to open libtpu.so: libtpu.so: cannot open shared object file: No such file or directory
[CudaDevice(id=0)]
"""

LIGHTNING = """\
GPU available: True (cuda), used: True
TPU available: False, using: 0 TPU cores
HPU available: False, using: 0 HPUs
You are using a CUDA device ('NVIDIA A100') that has Tensor Cores. To properly utilize them, you should set `torch.set_float32_matmul_precision('medium' | 'high')`
LOCAL_RANK: 0 - CUDA_VISIBLE_DEVICES: [0]
/site-packages/lightning/pytorch/trainer/connectors/data_connector.py:424: The 'train_dataloader' does not have many workers which may be a bottleneck. Consider increasing the value of the `num_workers` argument` to `num_workers=31`
Initializing distributed: GLOBAL_RANK: 0, MEMBER: 1/4
distributed_backend=nccl
All distributed processes registered. Starting with 4 processes
`Trainer.fit` stopped: `max_epochs=3` reached.
"""

JOURNAL = """\
Nov 02 10:00:00 host systemd[1]: Started NVIDIA Persistence Daemon.
Nov 02 10:00:00 host nvidia-persistenced[812]: Started (812)
Nov 02 10:00:01 host systemd[1]: Started NVIDIA fabric manager service.
Nov 02 10:00:01 host nv-fabricmanager[900]: Connected to 1 node. Successfully configured all the available NVSwitches to route GPU NVLink traffic.
Nov 02 10:00:02 host systemd-logind[700]: New session 3 of user u.
Nov 02 10:00:03 host dockerd[900]: level=info msg="Daemon has completed initialization"
Nov 02 10:01:03 host systemd[1]: systemd-suspend.service: Deactivated successfully.
Nov 02 10:01:03 host ufw[1]: [UFW BLOCK] IN=eth0 OUT= SRC=1.2.3.4
"""

TEXTS = {
    "training": TRAINING,
    "tensorflow": TENSORFLOW,
    "pip": PIP,
    "nvidia-smi": NVIDIA_SMI,
    "apt": APT,
    "dmesg": DMESG,
    "collect_env": COLLECT_ENV,
    "prose": PROSE,
    "deepspeed": DEEPSPEED,
    "vllm": VLLM,
    "bitsandbytes": BITSANDBYTES,
    "conda": CONDA,
    "docker": DOCKER,
    "slurm": SLURM,
    "jax": JAX,
    "lightning": LIGHTNING,
    "journal": JOURNAL,
}
