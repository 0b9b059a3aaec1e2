from hypothesis import given
from hypothesis import strategies as st

from envkit.core.machine import Machine
from envkit.facts.probes import environment
from tests.recorded import recorded


def values(env):
    return {item.name: item.value for item in environment.select(env)}


def test_what_matters_is_kept():
    wanted = {
        "CUDA_VISIBLE_DEVICES": "0,1",
        "NCCL_DEBUG": "INFO",
        "LD_LIBRARY_PATH": "/opt/a:/opt/b",
        "OMP_NUM_THREADS": "8",
        "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "XLA_FLAGS": "--x",
        "HF_HOME": "/data/hf",
        "CONDA_PREFIX": "/opt/conda",
        "VIRTUAL_ENV": "/venv",
        "no_proxy": "localhost",
        "MASTER_ADDR": "10.0.0.1",
        "HSA_OVERRIDE_GFX_VERSION": "10.3.0",
        "TOKENIZERS_PARALLELISM": "true",
        "NSIGHT_CUDA_DEBUGGER": "1",
        "SLURM_JOB_ID": "4",
    }
    assert values(wanted) == wanted


def test_terraforms_variables_are_not_tensorflows():
    others = (
        "TF_CLI_CONFIG_FILE",
        "TF_VAR_db_password",
        "TF_LOG",
        "TF_LOG_PATH",
        "TF_DATA_DIR",
        "TF_WORKSPACE",
    )
    ours = ("TF_CPP_MIN_LOG_LEVEL", "TF_FORCE_GPU_ALLOW_GROWTH", "TF_CONFIG", "TF_GPU_ALLOCATOR")
    assert values(dict.fromkeys((*others, *ours), "x")) == dict.fromkeys(ours, "x")


def test_what_does_not_is_not_read():
    assert (
        values(
            {"LANG": "C", "SSH_CLIENT": "10.0.0.1", "SLURM_JOB_USER": "me", "Http_Proxy": "x", "USER": "me"}
        )
        == {}
    )


def test_names_of_secrets():
    names = (
        "HF_TOKEN",
        "HF_HUB_TOKEN",
        "NVIDIA_API_KEY",
        "UV_PUBLISH_PASSWORD",
        "PIP_SECRET",
        "UV_INDEX_A_USERNAME",
    )
    assert values(dict.fromkeys(names, "x")) == {}


def test_credentials_in_addresses():
    found = values(
        {
            "PIP_EXTRA_INDEX_URL": "https://me:s3cret@host.example/simple  https://t0ken@b.example/simple",
            "https_proxy": "me:s3/cr@t@proxy.example:3128",
            "HTTP_PROXY": "http://me:s3cret@proxy.example:3128",
            "UV_DEFAULT_INDEX": "https://host.example/simple?token=s3cret",
            "DOCKER_HOST": "ssh://me@host.example",
        }
    )
    text = " ".join(found.values())
    assert "s3" not in text and "t0ken" not in text and "me" not in text.replace("example", "")
    assert found["https_proxy"] == "***@proxy.example:3128"
    assert found["PIP_EXTRA_INDEX_URL"] == "https://***@host.example/simple https://***@b.example/simple"


def test_values_are_plain_and_short():
    found = values({"NCCL_DEBUG": "\x1b[31mINFO\x07", "LD_LIBRARY_PATH": "/a:" * 4000})
    assert found["NCCL_DEBUG"] == "INFO"
    assert len(found["LD_LIBRARY_PATH"]) == 4096


@given(
    st.dictionaries(st.sampled_from(["http_proxy", "PIP_INDEX_URL", "CUDA_X", "HF_Y"]), st.text(max_size=200))
)
def test_never_raises(env):
    assert set(values(env)) == set(env)


@given(st.text(alphabet="aZ09/@:,?#%=&", min_size=1))
def test_an_address_loses_all_before_the_last_at(password):
    assert values({"http_proxy": f"http://u:{password}@h:1"}) == {"http_proxy": "http://***@h:1"}


def test_recorded():
    found = {item.name for item in environment.read(recorded("slurm-2gpu"))}
    assert {"CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "SLURM_JOB_GPUS"} <= found
    assert not {"SLURM_JOB_USER", "SLURM_SUBMIT_HOST", "PATH", "HOME"} & found


def test_here():
    names = [item.name for item in environment.read(Machine.here())]
    assert names == sorted(names)
