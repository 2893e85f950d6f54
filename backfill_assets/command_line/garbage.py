"""How a process of the command looks for garbage: hardly while it loads what stays, and not among that afterwards.

A code location is 400,000 objects. Looked through as often as Python would, they are a fifth of a start.
"""

import gc

AS_BEFORE = gc.get_threshold()
HARDLY = (500_000, 10, 100)


def look_hardly() -> None:
    """From now on, until everything is loaded."""
    gc.set_threshold(*HARDLY)


def look_as_before() -> None:
    """Everything is loaded, and is looked at no more. Once a process, since what is garbage right now stays as well."""
    if gc.get_threshold() == HARDLY:
        gc.freeze()
        gc.set_threshold(*AS_BEFORE)
