"""A worker process: reads pickled calls from stdin, runs them, writes pickled replies to stdout.

It knows nothing of the script that uses it, and loads with the standard library's `pickle.loads`. Only to send objects
of shipped classes back does it use `cloudpickle.dumps`.

Each message is its length in 8 bytes, big-endian, then a pickle. A call is `(function, arguments)`; a reply is
`("result", value)` or `("error", exception, traceback text)`.
"""

import os
import pickle
import struct
import sys
import traceback


def main() -> None:
    calls = sys.stdin.buffer
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a shipped function prints is not a reply
    while True:
        header = calls.read(8)
        if not header:
            return
        data = calls.read(*struct.unpack(">Q", header))
        reply = dumps(answer(data))
        replies.write(struct.pack(">Q", len(reply)) + reply)
        replies.flush()


def answer(data: bytes) -> tuple:
    try:
        function, arguments = pickle.loads(data)
        return ("result", function(*arguments))
    except Exception as error:
        return ("error", error, traceback.format_exc())


def dumps(reply: tuple) -> bytes:
    import cloudpickle

    try:
        return cloudpickle.dumps(reply)
    except Exception as error:
        text = traceback.format_exc()
        return pickle.dumps(("error", RuntimeError(f"the reply cannot be pickled: {error}"), text))


if __name__ == "__main__":
    main()
