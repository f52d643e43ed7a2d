"""What pickles call for the kinds of object that upstream cloudpickle cannot send at all.

The reconstructors that upstream has too are in `cloudpickle.cloudpickle`. A process that has only upstream has no
module of this name, and says so when it loads such a pickle.
"""

from ._native import make_context_var, make_property, make_singleton, singleton_setstate

__all__ = ["make_context_var", "make_property", "make_singleton", "singleton_setstate"]
