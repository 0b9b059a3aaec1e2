"""Shapes of the matrix products that look for the ceiling, in every framework."""

ACCELERATOR = (
    (2048, 2048, 13312),
    (1024, 15360, 4096),
    (1024, 10240, 5120),
    (2048, 5120, 6144),
    (1792, 16128, 3072),
    (4096, 4096, 4096),
    (8192, 8192, 8192),
)
"""M, N, K. The first five are those that mamf-finder found best on H100, GH200, A100 SXM, A100 PCIe and B200
(https://github.com/stas00/ml-engineering, compute/accelerator); the last two are for what it has not seen."""
CPU = (
    (512, 512, 512),
    (1024, 1024, 1024),
    (1536, 1536, 1536),
    (2048, 2048, 2048),
    (2048, 2048, 8192),
    (4096, 4096, 4096),
)
LONGEST = {"cpu": 0.2}
"""Seconds above which a shape is left out: rates hardly rise any more, and a slow machine has no time."""
SECONDS = {"quick": 0.4, "default": 1.5, "full": 5.0}
"""For the measuring of the best shape."""


def flops(shape):
    """Floating-point operations of one product: a multiply and an add are two."""
    rows, columns, inner = shape
    return 2.0 * rows * columns * inner
