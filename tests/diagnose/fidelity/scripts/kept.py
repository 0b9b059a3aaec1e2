"""For the scripts here: a hash of what was trained, in the file that RESULT names."""

import hashlib
import os


def keep(model, losses):
    digest = hashlib.sha256(repr(losses).encode())
    for name, one in sorted(model.state_dict().items()):
        digest.update(name.encode() + one.detach().contiguous().numpy().tobytes())
    with open(os.environ["RESULT"], "w") as file:
        file.write(digest.hexdigest())
