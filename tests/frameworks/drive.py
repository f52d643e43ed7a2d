"""Ship everything to the workers of one framework: the driver's script, as a user would start it.

    python tests/frameworks/drive.py FRAMEWORK REPORT [--everywhere]

Writes one JSON object per shipment to REPORT: its name, the traceback if it failed, and what it returned.

The shipments run here, in `__main__`. Workers that are started by `spawn` run this file once more under the name
`__mp_main__`: they skip the shipments, so that nothing of them can be found there by name. With `--everywhere` they do
not, as in a script whose classes stand at its top level.
"""

import importlib
import json
import sys
import traceback
from pathlib import Path

if __name__ == "__main__" or "--everywhere" in sys.argv:
    source = Path(__file__).with_name("shipments.py")
    exec(compile(source.read_text(encoding="utf-8"), source, "exec"))


def main():
    framework, report = sys.argv[1:3]
    adapter = importlib.import_module(f"on_{framework}")
    with open(report, "w", encoding="utf-8") as lines, adapter.workers() as call:
        for name, ship in {**SHIPMENTS, **adapter.SHIPMENTS}.items():  # noqa: F821
            outcome = {"shipment": name}
            try:
                outcome["returned"] = ship(call)
            except Exception:
                outcome["failed"] = traceback.format_exc()
            print(json.dumps(outcome), file=lines, flush=True)


if __name__ == "__main__":
    main()
