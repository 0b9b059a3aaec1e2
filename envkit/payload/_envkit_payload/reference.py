"""Inputs and float64 references in numpy, for the frameworks that bring numpy with them. Channels last."""

from . import numerics


def inputs(numpy, op):
    """Two float64 arrays."""
    random = numpy.random.RandomState(0)
    if op == "conv2d":
        batch, channels, height, width, filters = numerics.CONV
        return [random.randn(batch, height, width, channels), random.randn(3, 3, channels, filters)]
    rows, inner, columns = numerics.MATMUL if op == "matmul" else numerics.BACKWARD
    return [random.randn(rows, inner), random.randn(inner, columns)]


def result(numpy, op, left, right):
    """The exact answer, to float64's own rounding."""
    if op == "matmul":
        return left @ right
    if op == "conv2d":
        padded = numpy.pad(left, ((0, 0), (1, 1), (1, 1), (0, 0)))
        height, width = left.shape[1:3]
        return sum(
            padded[:, row : row + height, column : column + width] @ right[row, column]
            for row in range(3)
            for column in range(3)
        )
    # Gradient of sum(tanh(x w)^2) with respect to w.
    hidden = numpy.tanh(left @ right)
    return left.T @ (2 * hidden * (1 - hidden**2))


def relative_error(numpy, found, wanted):
    """max|found - wanted| / max|wanted|."""
    return numpy.abs(numpy.asarray(found, dtype="float64") - wanted).max() / numpy.abs(wanted).max()
