"""An importable class with slots."""


class Slotted:
    """Its member descriptor is reached by name."""

    __slots__ = ("x",)
