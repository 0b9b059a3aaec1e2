"""dataloader: images from disk through the parallel maps of tf.data. The input pipeline alone."""

import tensorflow as tf

from . import images

BATCH = {"quick": 16, "default": 64, "full": 128}
"""As in torch_dataloader."""
PREFETCH = 2
"""Batches that are made ahead."""
MEAN = tf.constant([0.485, 0.456, 0.406])
DEVIATION = tf.constant([0.229, 0.224, 0.225])


def decoded(path):
    """A file as a training sample: a random crop, perhaps mirrored, float, normalised; channels last."""
    data = tf.io.read_file(path)
    packed = tf.strings.regex_full_match(path, ".*" + images.PACKED.replace(".", "[.]"))
    data = tf.cond(packed, lambda: tf.io.decode_compressed(data, "ZLIB"), lambda: data)
    whole = tf.reshape(tf.io.decode_raw(data, tf.uint8), (images.SIDE, images.SIDE, 3))
    part = tf.image.random_crop(whole, (images.CROP, images.CROP, 3))
    part = tf.image.random_flip_left_right(part)
    return (tf.cast(part, tf.float32) / 255 - MEAN) / DEVIATION


def pipeline(paths, batch, workers, seed):
    """Endless shuffled batches. workers: parallel calls of the map; 0 = one by one, nothing ahead."""
    labels = [images.label(number) for number in range(len(paths))]
    dataset = tf.data.Dataset.from_tensor_slices((paths, labels))
    dataset = dataset.shuffle(len(paths), seed=seed).repeat()
    dataset = dataset.map(
        lambda path, label: (decoded(path), label), num_parallel_calls=workers if workers else None
    )
    dataset = dataset.batch(batch)
    return dataset.prefetch(PREFETCH) if workers else dataset


class Work:
    """One batch a step."""

    def __init__(self, backend, batch, scale):
        job = backend.job
        workers, batch = images.workers(job["workers"], 1), batch or BATCH[scale]
        self._images = images.Images(job["dir"], images.COUNT[scale], job["seed"])
        try:
            notes = self._told()
            with tf.device("/CPU:0"):
                self._batches = iter(pipeline(self._images.paths, batch, workers, job["seed"]))
        except BaseException:
            self.close()
            raise
        self.sync = backend.sync
        self.facts = {
            "batch_size": batch,
            "items": batch,
            "unit": "samples",
            "flops": None,
            "parameters": None,
            "options": backend.options(batch_size=batch, workers=workers, precision="fp32"),
            "notes": notes,
        }

    def _told(self):
        disk = self._images.from_disk()
        one = tf.function(decoded, input_signature=[tf.TensorSpec((), tf.string)])
        raw, packed = images.seconds_each(self._images.paths, one)
        each = "one call makes a raw image ready in {:.2f} ms, a compressed one in {:.2f} ms"
        first = "the files were first read at {:.0f} MB/s, later from memory"
        return [each.format(raw * 1e3, packed * 1e3), first.format(disk / 1e6)]

    def step(self):
        """Wait for the next batch."""
        next(self._batches)

    def close(self):
        """End the pipeline, remove the files."""
        self._batches = None
        self._images.close()
