"""Which process this is, and what it holds besides memory."""

import os
import socket

import psutil

from memguard.model import WorkerId


def worker_id() -> WorkerId:
    """Return this process's identity; a later process with the same pid has another start."""
    return WorkerId(host=socket.gethostname(), pid=os.getpid(), started_at=psutil.Process().create_time())
