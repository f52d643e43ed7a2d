"""multiprocessing's pool with spawn: plain pickle carries the bytes that cloudpickle made, as users write it."""

import contextlib
import multiprocessing
import pickle

import cloudpickle

ENVIRONMENT = "frameworks"
DISTRIBUTION = None
RERUNS_SCRIPT = True


@contextlib.contextmanager
def workers():
    with multiprocessing.get_context("spawn").Pool(2) as pool:

        def call(function, *arguments):
            outcome, value = pickle.loads(pool.apply(run, [cloudpickle.dumps((function, arguments))]))
            if outcome == "raised":
                raise value
            return value

        yield call


def run(payload):
    """In the worker: the call that is in `payload`. The pool itself can send neither classes nor exceptions back."""
    try:
        function, arguments = pickle.loads(payload)
        outcome = "returned", function(*arguments)
    except Exception as error:
        outcome = "raised", error
    return cloudpickle.dumps(outcome)


def a_process_and_a_pipe(call):
    """The target and arguments of a Process are pickled with the Process; its results come as bytes through a pipe."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe(duplex=False)
    factor = 7
    process = spawn.Process(target=answer, args=(there, cloudpickle.dumps(lambda x: lambda: x * factor)))
    process.start()
    try:
        assert pickle.loads(here.recv_bytes())() == 42
    finally:
        process.join()


def answer(connection, payload):
    connection.send_bytes(cloudpickle.dumps(pickle.loads(payload)(6)))


SHIPMENTS = {"a_process_and_a_pipe": a_process_and_a_pipe}
