"""`envkit bench`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envkit.cli import bench_options as told
from envkit.cli.options import (
    Format,
    FormatOption,
    JsonOption,
    OutputOption,
    PythonOption,
    QuietOption,
    VerboseOption,
    refuse_contradictions,
)
from envkit.core.errors import UsageError

if TYPE_CHECKING:
    from envkit.bench.plan import Scale


def bench(
    workloads: told.WorkloadsArgument = None,
    framework: told.FrameworkOption = None,
    device: told.DeviceOption = "auto",
    precision: told.PrecisionOption = "fp32",
    compile: told.CompileOption = "off",  # noqa: A002 - the flag's name
    batch_size: told.BatchOption = None,
    channels_last: told.ChannelsOption = False,
    fused: told.FusedOption = False,
    workers: told.WorkersOption = None,
    env: told.EnvOption = None,
    nproc: told.NprocOption = "1",
    nnodes: told.NnodesOption = 1,
    node_rank: told.RankOption = 0,
    rdzv_endpoint: told.EndpointOption = None,
    scaling: told.ScalingOption = "weak",
    repeat: told.RepeatOption = None,
    quick: told.QuickOption = False,
    full: told.FullOption = False,
    seconds: told.SecondsOption = None,
    limit: told.LimitOption = None,
    python: PythonOption = None,
    image: told.ImageOption = None,
    vs: told.VsOption = None,
    compare: told.CompareOption = None,
    aa: told.AaOption = False,
    record: told.RecordOption = False,
    tensorboard: told.TensorboardOption = None,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the flag's name
    json: JsonOption = False,
    output: OutputOption = None,
    save: told.SaveSamplesOption = None,
    source: told.FromOneOption = None,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
    anyway: told.AnywayOption = False,
    list_workloads: told.ListWorkloadsOption = False,
) -> None:
    """Train small models and tell how fast: with its doubt, and beside what this machine can do.

    A figure is the median over processes that are started one after another. Exit code 1 when something does
    not train, or B is slower than A.
    """
    from envkit.cli.bench_job import Job, Tell
    from envkit.cli.output import emit

    refuse_contradictions(python=python, format=format, json=json, verbose=verbose, quiet=quiet)
    if quick and full:
        raise UsageError("--quick and --full contradict each other", todo="give one of them")
    tell = Tell(
        format=Format.JSON if json else format,
        output=output,
        verbose=verbose,
        quiet=quiet,
        save=save,
        record=record,
        tensorboard=tensorboard,
    )
    tell.check()
    if list_workloads:
        emit(_listed(), output)
        return
    choice = told.checked(
        {
            "python": python,
            "image": image,
            "framework": framework,
            "device": device,
            "precision": precision,
            "compile": compile,
            "batch_size": batch_size,
            "channels_last": channels_last,
            "fused": fused,
            "workers": workers,
            "env": env,
        }
    )
    scale: Scale = "quick" if quick else "full" if full else "default"
    job = Job(
        workloads=tuple(workloads or ()),
        choice=choice,
        other=None if vs is None else told.versus(vs, choice),
        vs=vs,
        scale=scale,
        repeat=repeat,
        seconds=seconds,
        limit=limit,
        nproc=told.numbers(nproc),
        modes=told.modes(scaling),  # type: ignore[arg-type]
        nnodes=nnodes,
        node_rank=node_rank,
        endpoint=told.endpoint(rdzv_endpoint),
        compare=compare,
        source=source,
        aa=aa,
        anyway=anyway,
        tell=tell,
    )
    from envkit.cli.bench_perform import perform

    perform(job)


def _listed() -> str:
    from envkit.bench.workloads import WORKLOADS

    lines = []
    for workload in WORKLOADS:
        where = "" if len(workload.frameworks) > 1 else " (PyTorch only)"
        plain = "" if workload.usual else "; when named"
        plain = "; unnamed on a GPU only" if workload.gpu_only else plain
        lines.append(f"{workload.name:12} {workload.unit:10} {workload.what}{where}{plain}")
    return "\n".join(lines)
