"""Another machine, looked at over ssh: a Machine whose every reading is answered by an agent there."""

from envkit.remote.ssh import Remote, connect

__all__ = ["Remote", "connect"]
