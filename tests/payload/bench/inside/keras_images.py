"""Decode a raw and a compressed image file through tf.data's functions; print what came out."""

import json
import sys
import zlib

sys.path.insert(0, sys.argv[1])
from _envkit_payload import bench_keras_environ

bench_keras_environ.prepare("cpu")
import numpy  # noqa: E402
import tensorflow as tf  # noqa: E402
from _envkit_payload.workloads import images, keras_dataloader  # noqa: E402

# Red tells the row, green the column, blue is constant: a crop says where it was taken from.
place = numpy.arange(images.SIDE, dtype="uint8")
picture = numpy.zeros((images.SIDE, images.SIDE, 3), "uint8")
picture[..., 0], picture[..., 1], picture[..., 2] = place[:, None], place[None, :], 7
found = []
for ending, data in ((images.RAW, picture.tobytes()), (images.PACKED, zlib.compress(picture.tobytes()))):
    path = sys.argv[2] + "/one" + ending
    with open(path, "wb") as file:
        file.write(data)
    made = tf.function(keras_dataloader.decoded)(tf.constant(path))
    back = numpy.rint((made * keras_dataloader.DEVIATION + keras_dataloader.MEAN).numpy() * 255).astype(int)
    top, columns = int(back[0, 0, 0]), back[0, :, 1]
    step = int(columns[1] - columns[0])
    whole = picture[top : top + images.CROP, :, :].astype(int)
    left = int(min(columns[0], columns[-1]))
    part = whole[:, left : left + images.CROP]
    found.append(bool((back == (part if step == 1 else part[:, ::-1])).all()))
print(json.dumps({"same": found, "shape": list(back.shape)}))
