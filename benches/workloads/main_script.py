"""What a user's script defines. Run in the namespace of `__main__`; never imported."""

import collections
import dataclasses
import enum
import json
import os
import urllib.parse

THE_SCRIPT_HAS_RUN = True

scale = 5

simple_lambda = lambda x: x + 1  # noqa: E731


def make_closure():
    offsets = [1, 2]
    return lambda x: x + offsets[0] + scale


def forty_line_function(rows, width=3, *more, threshold=4, **options):
    """Summarise rows as a script would, with branches, an exception handler, comprehensions and a nested function."""
    lines = []
    seen = {}
    for number, row in enumerate(rows):
        if number % 2 == 0:
            lines.append(os.path.join("part", str(row)))
        elif number % 3 == 0:
            lines.append(json.dumps({"row": row, "width": width}))
        else:
            try:
                lines.append(urllib.parse.quote(str(row)))
            except ValueError as error:
                lines.append(repr(error))
        seen[number] = len(lines[-1])
    total = 0
    for line in lines:
        total += len(line)
    if total > threshold:
        total -= threshold
    elif options:
        total += len(options)
    else:
        total = -total
    longest = max(seen.values(), default=0)

    def shifted(value):
        if value > longest:
            return value - longest
        return value + total

    counts = collections.Counter(len(line) for line in lines)
    common = counts.most_common(1)
    rest = [shifted(value) for value in more]
    while len(rest) < width:
        rest.append(scale)
    return {
        "total": total,
        "longest": longest,
        "common": common,
        "rest": rest,
        "first": lines[0] if lines else None,
    }


def uses_packages(address, folder):
    parts = urllib.parse.urlsplit(address)
    name = os.path.join(folder, os.path.basename(parts.path))
    query = collections.OrderedDict(urllib.parse.parse_qsl(parts.query))
    return json.dumps({"name": name, "query": query})


class Sensor:
    """Readings of one channel."""

    unit = "V"

    def __init__(self, channel, gain=1.0):
        self.channel = channel
        self.gain = gain
        self.readings = []

    def read(self, raw):
        value = raw * self.gain
        self.readings.append(value)
        return value

    @property
    def mean(self):
        return sum(self.readings) / len(self.readings)

    @classmethod
    def calibrated(cls, channel, reference):
        return cls(channel, 1 / reference)


class Thermometer(Sensor):
    unit = "K"

    def read(self, raw):
        return super().read(raw) + scale


@dataclasses.dataclass
class Report:
    channel: str
    mean: float = 0.0
    outliers: list = dataclasses.field(default_factory=list)


class Severity(enum.Enum):
    NORMAL = 1
    WARNING = 2
    ALARM = 3


class Point:
    def __init__(self, number):
        self.number = number
        self.name = str(number)


def new_class():
    """A class that nobody has seen."""

    class Fresh:
        """Readings of one channel."""

        unit = "V"

        def __init__(self, channel, gain=1.0):
            self.channel = channel
            self.gain = gain

        def read(self, raw):
            return raw * self.gain + scale

    return Fresh
