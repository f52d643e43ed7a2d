"""Pickle what `pickle` cannot: lambdas, closures, interactively defined functions and classes.

    import cloudpickle, pickle

    payload = cloudpickle.dumps(lambda x: x * 2)    # in one process
    pickle.loads(payload)(21)                       # in another, which has a cloudpickle installed

The functions and the wire format are those of upstream cloudpickle 3.1.2; the core is written in Rust.
"""

from . import cloudpickle
from ._native import __version__
from .cloudpickle import *  # noqa: F403  # what upstream's `from .cloudpickle import *` gives its users
from .cloudpickle import (
    DEFAULT_PROTOCOL,
    CloudPickler,
    Pickler,
    dump,
    dumps,
    dynamic_subimport,
    fingerprint,
    instance,
    is_tornado_coroutine,
    list_registry_pickle_by_value,
    load,
    loads,
    register_pickle_by_value,
    subimport,
    unregister_pickle_by_value,
)

__all__ = [
    "DEFAULT_PROTOCOL",
    "CloudPickler",
    "Pickler",
    "__version__",
    "cloudpickle",
    "dump",
    "dumps",
    "dynamic_subimport",
    "fingerprint",
    "instance",
    "is_tornado_coroutine",
    "list_registry_pickle_by_value",
    "load",
    "loads",
    "register_pickle_by_value",
    "subimport",
    "unregister_pickle_by_value",
]
