"""The pickler as Python code sees it: the class `Pickler`, and upstream's functions under upstream's names.

Pickles name this module: `cloudpickle.cloudpickle._make_function` and its like are what they call when they are loaded.
What these functions do is in the extension `cloudpickle._native`.
"""

from __future__ import annotations

import io
import opcode
import operator
import pickle
import sys
import warnings
from types import CellType

from . import _native
from ._native import (
    _BUILTIN_TYPE_NAMES,
    _PICKLE_BY_VALUE_MODULES,
    DeepRecursionError,
    _builtin_type,
    _cell_reduce,
    _class_setstate,
    _classmethod_reduce,
    _code_reduce,
    _dataclass_field_base_reduce,
    _decompose_typevar,
    _dict_items_reduce,
    _dict_keys_reduce,
    _dict_values_reduce,
    _empty_cell_value,
    _extract_class_dict,
    _extract_code_globals,
    _file_reconstructor,
    _file_reduce,
    _fill_function,
    _function_setstate,
    _gen_ellipsis,
    _gen_not_implemented,
    _get_cell_contents,
    _get_dataclass_field_type_sentinel,
    _get_or_create_tracker_id,
    _getattribute,
    _getset_descriptor_reduce,
    _is_registered_pickle_by_value,
    _logger_reduce,
    _lookup_class_or_track,
    _lookup_module_and_qualname,
    _make_cell,
    _make_dict_items,
    _make_dict_keys,
    _make_dict_values,
    _make_empty_cell,
    _make_function,
    _make_skel_func,
    _make_skeleton_class,
    _make_skeleton_enum,
    _make_typevar,
    _mappingproxy_reduce,
    _memoryview_reduce,
    _method_reduce,
    _module_reduce,
    _odict_items_reduce,
    _odict_keys_reduce,
    _odict_values_reduce,
    _property_reduce,
    _rehydrate_skeleton_class,
    _root_logger_reduce,
    _should_pickle_by_reference,
    _typevar_reduce,
    _weakset_reduce,
    _whichmodule,
    dump,
    dumps,
    dynamic_subimport,
    fingerprint,
    instance,
    list_registry_pickle_by_value,
    load,
    loads,
    register_pickle_by_value,
    subimport,
    unregister_pickle_by_value,
)

TYPE_CHECKING = False  # as `typing` has it, which takes longer to import than all of this
if TYPE_CHECKING:
    from collections import ChainMap
    from collections.abc import Iterable
    from types import ModuleType
    from typing import Any, Callable

# What `from cloudpickle.cloudpickle import *` gives: as upstream, every name without an underscore. The names with one
# are for pickles, for upstream's tests and for packages that reach for them.
__all__ = [
    "DEFAULT_PROTOCOL",
    "DELETE_GLOBAL",
    "EXTENDED_ARG",
    "GLOBAL_OPS",
    "HAVE_ARGUMENT",
    "LOAD_GLOBAL",
    "PYPY",
    "STORE_GLOBAL",
    "CellType",
    "CloudPickler",
    "DeepRecursionError",
    "Pickler",
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

DEFAULT_PROTOCOL = pickle.HIGHEST_PROTOCOL
"""The protocol of `dumps` and `dump` when none is given: the highest, because both ends run the same Python."""

PYPY = sys.implementation.name == "pypy"

builtin_code_type = type(float.__new__.__code__) if PYPY else None

STORE_GLOBAL = opcode.opmap["STORE_GLOBAL"]
DELETE_GLOBAL = opcode.opmap["DELETE_GLOBAL"]
LOAD_GLOBAL = opcode.opmap["LOAD_GLOBAL"]
GLOBAL_OPS = (STORE_GLOBAL, DELETE_GLOBAL, LOAD_GLOBAL)
HAVE_ARGUMENT = opcode.HAVE_ARGUMENT
EXTENDED_ARG = opcode.EXTENDED_ARG


class Pickler(pickle.Pickler):
    """Writes pickles to a file, with everything that `cloudpickle.dumps` can do and the hooks of `pickle.Pickler`.

    Subclasses may define `persistent_id`, `reducer_override` (calling `super().reducer_override(obj)` for what they
    leave alone) and `dispatch_table`. Several dumps of one pickler share its memo and the globals of functions.

    Args:
        file: an object with a `write` method that takes bytes.
        protocol: 0 to 5, negative for the highest; None is `DEFAULT_PROTOCOL`.
        buffer_callback: takes the `pickle.PickleBuffer` objects that travel out of band (protocol 5).
        fix_imports: whether protocols 0 to 2 name modules as Python 2 did.
        deterministic: whether every process of the same Python is to write the same bytes, as in `dumps`.
        by_value: modules that count as registered by `register_pickle_by_value` for this pickler alone.

    Raises:
        TypeError: `file` has no `write`.
        ValueError: there is no such protocol, or it cannot have out-of-band buffers.
    """

    _dispatch_table: dict[type, Callable[[Any], Any]] = _native._dispatch_table

    dispatch_table: ChainMap[type, Callable[[Any], Any]] = _native._default_dispatch_table
    """Type to reducer: the class's own table, then `copyreg`'s. An instance's `dispatch_table` is for it alone."""

    dispatch = dispatch_table
    """The same table: what is set here, as Ray does, holds for all later dumps."""

    if PYPY:

        def __new__(cls, *arguments: Any, **options: Any) -> Pickler:
            # There the base class takes its arguments here, those of a subclass's `__init__` too.
            return super().__new__(cls, io.BytesIO())  # type: ignore[call-arg]

    def __init__(
        self,
        file: Any,
        protocol: int | None = None,
        buffer_callback: Callable[[pickle.PickleBuffer], Any] | None = None,
        *,
        fix_imports: bool = True,
        deterministic: bool | None = None,
        by_value: Iterable[ModuleType] | None = None,
    ) -> None:
        # The base class is not initialised where nobody needs it: all that counts of it is that it is one, and its
        # attributes `bin` and `fast`. The memo and the buffer that it would make are not used, and took as long to make
        # as all the rest.
        self.proto = DEFAULT_PROTOCOL if protocol is None else operator.index(protocol)
        cls = type(self)
        if cls is not Pickler and (cls.dump is not Pickler.dump or cls.__mro__[-3] is not Pickler) and not PYPY:
            # Its `dump` may be called from the one of the subclass, and another base class may stand in between.
            super().__init__(file, protocol=self.proto, fix_imports=fix_imports, buffer_callback=buffer_callback)
        self._core = _native.PicklerCore(file, self.proto, buffer_callback, fix_imports, deterministic, by_value)
        self.bin = self.proto != 0
        self.fast = False

    def dump(self, obj: Any) -> None:
        """Write one pickle of `obj` to the file.

        Raises:
            PicklingError, TypeError: something in `obj` cannot be pickled. What was written is no whole pickle, and the
                pickler can be used again.
            RuntimeError: called from a hook of this pickler, or while another thread is in its `dump`.
        """
        try:
            core = self._core
        except AttributeError:
            core = self._core_or_error()
        core.dump(self, obj)

    def reducer_override(self, obj: Any) -> Any:
        """The reduce tuple of a function or class that travels by value, or of a module made at run time.

        NotImplemented for everything else.
        """
        return self._core_or_error().reduce(obj)

    def clear_memo(self) -> None:
        """Forget what was written, so that the next dump is complete in itself."""
        self._core_or_error().clear_memo()

    @property
    def memo(self) -> _native.PicklerMemoProxy:
        """What was written so far: it can be copied, cleared, and assigned to another pickler."""
        return _native.PicklerMemoProxy(self._core_or_error())

    @memo.setter
    def memo(self, memo: Any) -> None:
        self._core_or_error().set_memo(memo)

    def _core_or_error(self) -> _native.PicklerCore:
        try:
            return self._core
        except AttributeError:
            name = type(self).__name__
            raise pickle.PicklingError(f"Pickler.__init__() was not called by {name}.__init__()") from None


_native._set_reducer_override(Pickler.reducer_override)

CloudPickler = Pickler


def is_tornado_coroutine(func: Any) -> bool:
    """Whether `func` is a coroutine function of Tornado. Deprecated: use `tornado.gen.is_coroutine_function`."""
    warnings.warn(
        "is_tornado_coroutine is deprecated since cloudpickle 3.0; use tornado.gen.is_coroutine_function",
        category=DeprecationWarning,
        stacklevel=2,
    )
    # Where nobody imported Tornado, nothing is a coroutine of it.
    is_coroutine_function = getattr(sys.modules.get("tornado.gen"), "is_coroutine_function", None)
    return is_coroutine_function is not None and bool(is_coroutine_function(func))
