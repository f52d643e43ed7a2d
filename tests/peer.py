"""One side of a journey: a process that runs code as its `__main__`, pickles from it and loads into it.

Started by `travel.Peer` with `python -I -c`, or forked by a process that was, it answers requests on its standard input
until that closes. It imports cloudpickle only when it is asked to pickle: a process that merely loads must get along
with `pickle.loads`.
Messages are marshalled tuples with their length in front, so that nothing of what is tested carries the answers.
"""

import ast
import marshal
import os
import pickle
import struct
import sys
import traceback


def read_message(stream):
    """The next message, or None at the end of the stream."""
    header = stream.read(8)
    if len(header) < 8:
        return None
    return marshal.loads(stream.read(struct.unpack("<Q", header)[0]))


def write_message(stream, message):
    """Send one message: builtin values only, which is all that `marshal` accepts."""
    body = marshal.dumps(message)
    stream.write(struct.pack("<Q", len(body)) + body)
    stream.flush()


def evaluate(block, namespace):
    """Run `block` in `namespace`; its value is that of its last line when that is an expression, as at a prompt."""
    tree = ast.parse(block, "<asked>")
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body.pop().value)
    exec(compile(tree, "<asked>", "exec"), namespace)
    return None if last is None else eval(compile(last, "<asked>", "eval"), namespace)


def answer(request, main):
    """Do what one request asks, in the namespace of this process's `__main__`."""
    kind, arguments = request[0], request[1:]
    if kind == "run":
        source, path = arguments
        exec(compile(source, path, "exec"), main)
        return None
    if kind == "pickle":
        import cloudpickle

        expression, protocol = arguments
        return cloudpickle.dumps(evaluate(expression, main), protocol=protocol)
    if kind == "load":
        data, name = arguments
        main[name] = pickle.loads(data)
        return None
    if kind == "evaluate":
        return evaluate(arguments[0], main)
    raise ValueError(kind)


def serve():
    """Answer requests until the other end hangs up."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the code under test prints must not be taken for an answer
    main = sys.modules["__main__"].__dict__
    while True:
        request = read_message(requests)
        if request is None:
            return
        try:
            reply = ("value", answer(request, main))
            marshal.dumps(reply)
        except BaseException as error:
            reply = ("error", type(error).__name__, str(error), traceback.format_exc())
        write_message(answers, reply)


def fork_peers():
    """Fork a peer whenever asked for one, and tell how it ended.

    Each gets what a process of its own would have: a folder, standard streams and what is in front of its `sys.path`.
    The process that forks runs nothing but this, so that nothing of one peer reaches the next.
    """
    requests, answers = os.fdopen(0, "rb"), os.fdopen(1, "wb")
    while (request := read_message(requests)) is not None:
        kind, arguments = request[0], request[1:]
        if kind == "wait":
            write_message(answers, os.waitstatus_to_exitcode(os.waitpid(arguments[0], 0)[1]))
            continue
        pid = os.fork()
        if pid:
            write_message(answers, pid)
            continue
        folder, streams, extra = arguments
        for number, (stream, mode) in enumerate(zip(streams, (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY))):
            opened = os.open(stream, mode)
            os.dup2(opened, number)
            os.close(opened)
        os.chdir(folder)
        sys.path[:0] = extra
        serve()
        # Python's own end takes three times as long as all before it: memory that was shared is copied to be freed.
        os._exit(0)
