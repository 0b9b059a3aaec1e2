"""Values that lie on a device, brought over without making the script wait for it.

They are kept as tensors, brought over together every few steps by a copy that the device does when it gets
there, and read once an event says that it did.
"""

EVERY = 16
"""Steps between two copies."""
_KINDS = ("cuda", "xpu")
"""Devices whose copies to pinned memory need not be waited for."""
_WAITED = 256
"""Steps between two readings of a device for which one has to wait."""


class Ring:
    """A queue of values on their way. told(step, what, number, taken) is called with each, some steps later.

    taken: whether an update was made of the gradients of this loss.
    """

    def __init__(self, torch, told):
        self.torch = torch
        self._told = told
        self._kept = []
        self._sent = []
        self._steps = 0

    def put(self, step, what, tensor):
        """Keep a value: a tensor of one element."""
        if tensor.device.type in _KINDS and self._capturing(tensor.device.type):
            return
        if len(self._kept) < 4 * _WAITED:
            self._kept.append([step, what, tensor.detach(), what != "loss"])

    def taken(self, step):
        """An update is made in this step."""
        for entry in reversed(self._kept):
            if entry[0] != step:
                return
            entry[3] = True

    def steps_ended(self, steps):
        """So many more steps are done: perhaps send some, perhaps read some."""
        if not self._kept and not self._sent:
            return
        self._steps += steps
        while self._sent and (self._sent[0][2] is None or self._sent[0][2].query()):
            self._read(self._sent.pop(0))
        if not self._kept:
            return
        kind = self._kept[0][2].device.type
        if kind in _KINDS and self._capturing(kind):
            return
        if self._steps >= (EVERY if kind in _KINDS or kind == "cpu" else _WAITED):
            self._steps = 0
            self._send()

    def finish(self):
        """The script is over: waiting disturbs nobody now."""
        try:
            self._send()
            for sent in self._sent:
                if sent[2] is not None:
                    sent[2].synchronize()
                self._read(sent)
        except RuntimeError:  # the device is in no state to be asked
            pass
        self._sent = []

    def _send(self):
        torch, groups = self.torch, {}
        for entry in self._kept:
            groups.setdefault(entry[2].device, []).append(entry)
        self._kept = []
        with torch.no_grad():
            for device, entries in groups.items():
                values = torch.stack([one[2].reshape(()).float() for one in entries])
                labels = [(one[0], one[1], one[3]) for one in entries]
                event = None
                if device.type in _KINDS:
                    here = torch.empty(len(entries), dtype=torch.float32, pin_memory=True)
                    here.copy_(values, non_blocking=True)
                    event = getattr(torch, device.type).Event()
                    event.record(getattr(torch, device.type).current_stream(device))
                    values = here
                self._sent.append((labels, values, event))

    def _read(self, sent):
        labels, values, _ = sent
        for (step, what, taken), number in zip(labels, values.tolist()):
            self._told(step, what, number, taken)

    def _capturing(self, kind):
        """Whether a graph of the device's work is being recorded, into which nothing of ours may come."""
        asked = getattr(getattr(self.torch, kind), "is_current_stream_capturing", None)
        return asked is not None and asked()
