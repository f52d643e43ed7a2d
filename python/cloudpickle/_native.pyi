"""The extension module: what `cloudpickle.cloudpickle` is made of, with types.

The functions are documented where they are written, in `crates/cloudpickle/src`; `help()` shows the same text. Names
with an underscore are upstream's: pickles name them, or upstream's tests and other packages import them. They take
their arguments by position and by name, as upstream's do.
"""

import _pickle
import pickle
from collections import ChainMap
from collections.abc import Iterable, KeysView, ValuesView
from contextvars import ContextVar
from functools import cached_property, partialmethod
from io import TextIOWrapper
from types import CellType, CodeType, FunctionType, GetSetDescriptorType, MappingProxyType, MethodType, ModuleType
from typing import Any, Callable, Protocol, TypeVar, final
from weakref import ReferenceType, WeakKeyDictionary, WeakSet, WeakValueDictionary

from typing_extensions import Buffer

__all__ = [
    "_BUILTIN_TYPE_NAMES",
    "_PICKLE_BY_VALUE_MODULES",
    "DeepRecursionError",
    "PicklerCore",
    "PicklerMemoProxy",
    "__version__",
    "_builtin_type",
    "_cached_property_reduce",
    "_cell_reduce",
    "_class_setstate",
    "_classmethod_reduce",
    "_code_reduce",
    "_context_manager_reduce",
    "_context_var_reduce",
    "_count_tracked_classes",
    "_dataclass_field_base_reduce",
    "_dataclass_sentinel_reduce",
    "_decompose_typevar",
    "_default_dispatch_table",
    "_dict_items_reduce",
    "_dict_keys_reduce",
    "_dict_values_reduce",
    "_dispatch_table",
    "_empty_cell_value",
    "_extract_class_dict",
    "_extract_code_globals",
    "_file_reconstructor",
    "_file_reduce",
    "_fill_function",
    "_function_setstate",
    "_gen_ellipsis",
    "_gen_not_implemented",
    "_get_cell_contents",
    "_get_dataclass_field_type_sentinel",
    "_get_or_create_tracker_id",
    "_getattribute",
    "_getset_descriptor_reduce",
    "_is_registered_pickle_by_value",
    "_logger_reduce",
    "_lookup_class_or_track",
    "_lookup_module_and_qualname",
    "_lru_cache_reduce",
    "_make_cell",
    "_make_dict_items",
    "_make_dict_keys",
    "_make_dict_values",
    "_make_empty_cell",
    "_make_function",
    "_make_skel_func",
    "_make_skeleton_class",
    "_make_skeleton_enum",
    "_make_typevar",
    "_mappingproxy_reduce",
    "_memoryview_reduce",
    "_method_reduce",
    "_module_reduce",
    "_new_type_reduce",
    "_odict_items_reduce",
    "_odict_keys_reduce",
    "_odict_values_reduce",
    "_partialmethod_reduce",
    "_property_reduce",
    "_rehydrate_skeleton_class",
    "_root_logger_reduce",
    "_set_reducer_override",
    "_should_pickle_by_reference",
    "_token_missing_reduce",
    "_type_alias_reduce",
    "_type_parameter_part_reduce",
    "_type_parameter_reduce",
    "_typevar_reduce",
    "_weak_dictionary_reduce",
    "_weak_reference_reduce",
    "_weakset_reduce",
    "_whichmodule",
    "dump",
    "dumps",
    "dumps_without_shortcuts",
    "dynamic_subimport",
    "fingerprint",
    "instance",
    "list_registry_pickle_by_value",
    "load",
    "loads",
    "make_context_var",
    "make_property",
    "make_singleton",
    "register_pickle_by_value",
    "singleton_setstate",
    "subimport",
    "unregister_pickle_by_value",
]

_T = TypeVar("_T")

_Reducer = Callable[[Any], Any]
# A reduce tuple of two items: a callable and its arguments.
_Call = tuple[Callable[..., Any], tuple[Any, ...]]
# Whatever is returned counts as true (the buffer stays in the pickle) or false (it travels beside it).
_BufferCallback = Callable[[pickle.PickleBuffer], Any]

class _Writable(Protocol):
    def write(self, data: Any, /) -> Any: ...

class _Readable(Protocol):
    def read(self, count: int, /) -> bytes: ...
    def readline(self) -> bytes: ...

__version__: str

# --- The pickler: crates/cloudpickle/src/pickler

class DeepRecursionError(pickle.PicklingError, RecursionError): ...

def dumps(
    obj: Any,
    protocol: int | None = None,
    buffer_callback: _BufferCallback | None = None,
    *,
    fix_imports: bool = True,
    deterministic: bool | None = None,
    by_value: Iterable[ModuleType] | None = None,
) -> bytes: ...
def dumps_without_shortcuts(
    obj: Any, protocol: int | None = None, buffer_callback: _BufferCallback | None = None
) -> bytes: ...
def dump(
    obj: Any,
    file: _Writable,
    protocol: int | None = None,
    buffer_callback: _BufferCallback | None = None,
    *,
    fix_imports: bool = True,
    deterministic: bool | None = None,
    by_value: Iterable[ModuleType] | None = None,
) -> None: ...
def fingerprint(obj: Any) -> str: ...

@final
class PicklerCore:
    def __new__(
        cls,
        file: _Writable,
        protocol: int | None,
        buffer_callback: _BufferCallback | None,
        fix_imports: bool,
        deterministic: bool | None,
        by_value: Iterable[ModuleType] | None,
    ) -> PicklerCore: ...
    def dump(self, pickler: pickle.Pickler, obj: Any) -> None: ...
    # A reduce tuple, or NotImplemented.
    def reduce(self, obj: Any) -> Any: ...
    def clear_memo(self) -> None: ...
    def copy_memo(self) -> dict[int, tuple[int, Any]]: ...
    def set_memo(self, memo: PicklerMemoProxy | dict[int, tuple[int, Any]]) -> None: ...

# `pickle.Pickler.memo` is declared to be a `_pickle.PicklerMemoProxy`, a class that exists for type checkers only. This
# one has its methods and, at run time, no base.
@final
class PicklerMemoProxy(_pickle.PicklerMemoProxy):
    def __new__(cls, core: PicklerCore) -> PicklerMemoProxy: ...
    def clear(self) -> None: ...
    def copy(self) -> dict[int, tuple[int, Any]]: ...
    def __reduce__(self) -> tuple[type[dict[int, Any]], tuple[dict[int, tuple[int, Any]]]]: ...

def _set_reducer_override(method: Callable[..., Any]) -> None: ...

# --- By reference or by value: crates/cloudpickle/src/by_value

_PICKLE_BY_VALUE_MODULES: set[str]
_BUILTIN_TYPE_NAMES: dict[type, str]

def register_pickle_by_value(module: ModuleType) -> None: ...
def unregister_pickle_by_value(module: ModuleType) -> None: ...
def list_registry_pickle_by_value() -> set[str]: ...
def _is_registered_pickle_by_value(module: ModuleType) -> bool: ...
def _getattribute(obj: Any, name: str) -> Any: ...
def _whichmodule(obj: Any, name: str) -> str | None: ...
def _lookup_module_and_qualname(obj: Any, name: str | None = None) -> tuple[ModuleType, str] | None: ...
def _should_pickle_by_reference(obj: Any, name: str | None = None) -> bool: ...
def _extract_code_globals(co: CodeType) -> dict[str, None]: ...
def _extract_class_dict(cls: type) -> dict[str, Any]: ...
def _get_or_create_tracker_id(class_def: Any) -> str: ...
def _count_tracked_classes() -> int: ...
def _lookup_class_or_track(class_tracker_id: str | None, class_def: _T) -> _T: ...

# --- Object to reduce tuple: crates/cloudpickle/src/reduce

_dispatch_table: dict[type, _Reducer]
_default_dispatch_table: ChainMap[type, _Reducer]

def _code_reduce(obj: CodeType) -> _Call: ...

# With contents, the tuple has a third item, the state.
def _cell_reduce(obj: CellType) -> tuple[Any, ...]: ...
def _module_reduce(obj: ModuleType) -> _Call: ...
def _method_reduce(obj: MethodType) -> _Call: ...
def _classmethod_reduce(obj: classmethod[Any, ..., Any] | staticmethod[..., Any]) -> _Call: ...
def _partialmethod_reduce(obj: partialmethod[Any]) -> tuple[Any, ...]: ...
def _lru_cache_reduce(obj: Any) -> str | tuple[Any, ...]: ...
def _cached_property_reduce(obj: cached_property[Any]) -> tuple[Any, ...]: ...
def _context_manager_reduce(obj: Any) -> _Call: ...
def _property_reduce(obj: property) -> _Call: ...
def _getset_descriptor_reduce(obj: GetSetDescriptorType) -> _Call: ...
def _dict_keys_reduce(obj: KeysView[Any]) -> _Call: ...
def _dict_values_reduce(obj: ValuesView[Any]) -> _Call: ...
def _dict_items_reduce(obj: Iterable[tuple[Any, Any]]) -> _Call: ...
def _odict_keys_reduce(obj: KeysView[Any]) -> _Call: ...
def _odict_values_reduce(obj: ValuesView[Any]) -> _Call: ...
def _odict_items_reduce(obj: Iterable[tuple[Any, Any]]) -> _Call: ...
def _mappingproxy_reduce(obj: MappingProxyType[Any, Any]) -> _Call: ...
def _memoryview_reduce(obj: memoryview) -> _Call: ...
def _weakset_reduce(obj: WeakSet[Any]) -> _Call: ...
def _weak_dictionary_reduce(obj: WeakKeyDictionary[Any, Any] | WeakValueDictionary[Any, Any]) -> tuple[Any, ...]: ...
def _weak_reference_reduce(obj: ReferenceType[Any]) -> _Call: ...
def _context_var_reduce(obj: ContextVar[Any]) -> _Call: ...
def _logger_reduce(obj: Any) -> _Call: ...
def _token_missing_reduce(obj: Any) -> _Call: ...
def _type_parameter_part_reduce(obj: Any) -> _Call: ...
def _root_logger_reduce(obj: Any) -> _Call: ...
def _file_reduce(obj: TextIOWrapper) -> _Call: ...

# A string, the name of a global, where the object can be imported.
def _typevar_reduce(obj: Any) -> str | _Call: ...
def _decompose_typevar(obj: Any) -> tuple[str, Any, tuple[Any, ...], bool, bool, str]: ...
def _type_parameter_reduce(obj: Any) -> str | _Call: ...
def _new_type_reduce(obj: Any) -> str | _Call: ...
def _type_alias_reduce(obj: Any) -> str | _Call: ...
def _dataclass_field_base_reduce(obj: Any) -> str | _Call: ...
def _dataclass_sentinel_reduce(obj: Any) -> str | _Call: ...

# --- Arguments to object: crates/cloudpickle/src/rebuild

def loads(
    data: Buffer,
    /,
    *,
    fix_imports: bool = True,
    encoding: str = "ASCII",
    errors: str = "strict",
    buffers: Iterable[Any] | None = (),
) -> Any: ...
def load(
    file: _Readable,
    *,
    fix_imports: bool = True,
    encoding: str = "ASCII",
    errors: str = "strict",
    buffers: Iterable[Any] | None = (),
) -> Any: ...

# Stands for "no value" where the contents of a cell are handed around.
_empty_cell_value: Any

def _make_cell(value: Any = ...) -> CellType: ...
def _make_empty_cell() -> CellType: ...
def _get_cell_contents(cell: CellType) -> Any: ...
def _make_function(
    code: CodeType,
    globals: dict[str, Any],
    name: str | None,
    argdefs: tuple[Any, ...] | None,
    closure: tuple[CellType, ...] | None,
) -> FunctionType: ...
def _function_setstate(obj: FunctionType, state: Iterable[dict[str, Any]]) -> None: ...
def _make_skeleton_class(
    type_constructor: Callable[..., Any],
    name: str,
    bases: tuple[Any, ...],
    type_kwargs: dict[str, Any],
    class_tracker_id: str | None,
    extra: Any,
) -> Any: ...
def _class_setstate(obj: _T, state: Iterable[dict[str, Any]]) -> _T: ...
def _builtin_type(name: str) -> Any: ...
def instance(cls: Callable[[], _T]) -> _T: ...
def _make_skeleton_enum(
    bases: tuple[Any, ...],
    name: str,
    qualname: str | None,
    members: dict[str, Any],
    module: str,
    class_tracker_id: str | None,
    extra: Any,
) -> Any: ...
def subimport(name: str) -> ModuleType: ...
def dynamic_subimport(name: str, vars: dict[str, Any]) -> ModuleType: ...
def _make_typevar(
    name: str,
    bound: Any,
    constraints: Iterable[Any],
    covariant: bool,
    contravariant: bool,
    class_tracker_id: str | None,
) -> Any: ...
def _make_dict_keys(obj: Iterable[Any], is_ordered: bool = False) -> Any: ...
def _make_dict_values(obj: Iterable[Any], is_ordered: bool = False) -> Any: ...
def _make_dict_items(obj: dict[Any, Any], is_ordered: bool = False) -> Any: ...
def _file_reconstructor(retval: _T) -> _T: ...
def _get_dataclass_field_type_sentinel(name: str) -> Any: ...

# Of `cloudpickle.reconstructors`.
def make_context_var(id: str, name: str, *default: Any) -> ContextVar[Any]: ...
def make_property(cls: type[property], fget: Any, fset: Any, fdel: Any, doc: Any) -> property: ...
def make_singleton(cls: type[_T], id: str) -> _T: ...
def singleton_setstate(obj: Any, state: dict[str, Any]) -> None: ...

# Named by pickles of upstream 0.x and 1.x only.
def _make_skel_func(
    code: CodeType, cell_count: int, base_globals: dict[str, Any] | str | None = None
) -> FunctionType: ...
def _fill_function(func: FunctionType, *state: Any) -> FunctionType: ...
def _rehydrate_skeleton_class(skeleton_class: _T, class_dict: dict[str, Any]) -> _T: ...
def _gen_ellipsis() -> Any: ...
def _gen_not_implemented() -> Any: ...
