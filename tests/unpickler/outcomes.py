"""What comes of loading a pickle, to be compared: its value, with what is shared in it, or its exception."""

import collections
import re
import types

SEQUENCES = (list, tuple, collections.deque)
MAPPINGS = (dict, collections.OrderedDict, collections.defaultdict)


def outcome(loads, data):
    """The value that `loads` makes of `data`, or the type and text of what it raises."""
    try:
        value = loads(data)
    except Exception as error:
        # What is added where something is missing stands in the text below Python 3.11.
        return "raised", type(error).__name__, without_addresses(str(error)).split("\n")[0]
    return "returned", shape(value, {})


def shape(value, seen):
    """Types, contents and shared objects, without identities."""
    if type(value) in (int, float, str, bytes, bool, type(None)):
        return type(value).__name__, repr(value)
    if id(value) in seen:
        return "seen", seen[id(value)][0]
    # Kept, so that the address is nobody else's meanwhile.
    seen[id(value)] = len(seen), value
    name = type(value).__qualname__
    if type(value) in SEQUENCES:
        return name, [shape(item, seen) for item in value]
    if type(value) in MAPPINGS:
        return name, [(shape(key, seen), shape(item, seen)) for key, item in value.items()]
    if isinstance(value, (set, frozenset)):
        return name, sorted(map(repr, value))
    if isinstance(value, (type, types.FunctionType)):
        return name, value.__qualname__
    if hasattr(value, "__dict__") and not isinstance(value, types.ModuleType):
        return name, [(key, shape(item, seen)) for key, item in vars(value).items()]
    return name, without_addresses(repr(value))


def without_addresses(text):
    return re.sub("0x[0-9a-f]+", "0x", text)
