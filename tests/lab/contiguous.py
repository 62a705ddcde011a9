"""The first import of a process that forks: what it allocates from then on lies together.

User-Mode Linux gives a fork its memory by one call of the host's for each stretch of it, and what
Python allocates a page at a time is thousands of them. What is locked is allocated at once where it
is mapped, a megabyte side by side; a fork itself has nothing locked. It takes half as long so.
"""

import ctypes
import os

MCL_FUTURE = 2

_libc = ctypes.CDLL(None, use_errno=True)
if _libc.mlockall(MCL_FUTURE) != 0:
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
