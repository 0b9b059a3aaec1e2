"""TensorFlow: devices, and small computations against float64 in numpy."""

from . import reference


class Backend:
    """What `deep` needs of a framework: see smoke_torch."""

    def __init__(self, tensorflow):
        import numpy

        self.tf = tensorflow
        self.numpy = numpy
        self.not_started = []
        self.threads = None
        info = tensorflow.sysconfig.get_build_info()
        self.cudnn_version = str(info["cudnn_version"]) if "cudnn_version" in info else None
        tensorflow.config.experimental.enable_tensor_float_32_execution(False)
        self.devices = ["cpu"]
        for number, device in enumerate(tensorflow.config.list_physical_devices("GPU")):
            # Memory is taken as it is needed, not all of the GPU at once.
            tensorflow.config.experimental.set_memory_growth(device, True)
            self.devices.append("cuda:{}".format(number))

    def error(self, device, op, dtype):
        """Relative error of one op."""
        tf = self.tf
        kind = getattr(tf, dtype)
        left, right = reference.inputs(self.numpy, op)
        left, right = tf.cast(left, kind), tf.cast(right / 16 if op == "backward" else right, kind)
        with tf.device(device.replace("cuda", "GPU").replace("cpu", "CPU:0")):
            found = self._compute(op, tf.identity(left), tf.identity(right))
        exact = [tf.cast(one, tf.float64).numpy() for one in (left, right)]
        wanted = reference.result(self.numpy, op, *exact)
        return reference.relative_error(self.numpy, tf.cast(found, tf.float64).numpy(), wanted)

    def _compute(self, op, left, right):
        tf = self.tf
        if op == "matmul":
            return tf.matmul(left, right)
        if op == "conv2d":
            return tf.nn.conv2d(left, right, strides=1, padding="SAME")
        with tf.GradientTape() as tape:
            tape.watch(right)
            loss = tf.reduce_sum(tf.square(tf.tanh(tf.matmul(left, right))))
        return tape.gradient(loss, right)
