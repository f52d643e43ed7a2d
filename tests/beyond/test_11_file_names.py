"""Tracebacks name real files and lines; names that change from run to run are not in the bytes."""

import pytest

from travel import Peer, ship

SOURCE = "def f():\n    raise ValueError('here')"


def code_with(name):
    return f"""
namespace = {{'__name__': '__main__'}}
exec(compile({SOURCE!r}, {name!r}, 'exec'), namespace)
f = namespace['f']
"""


@pytest.mark.also_upstream
@pytest.mark.parametrize("name", ["/home/user/script.py", "C:\\work\\script.py", "<string>", "/srv/ipykernel_x/a.py"])
def test_real_files_are_kept(name):
    use = "import traceback\ntry: value()\nexcept ValueError as e: frame = traceback.extract_tb(e.__traceback__)[-1]\n"
    assert ship(code_with(name), "f", use + "[frame.filename, frame.lineno]") == [name, 2]


@pytest.mark.parametrize(
    "names",
    [
        ("<stdin-0>", "<stdin-17>"),
        ("<python-input-1>", "<python-input-2>"),
        ("<ipython-input-1-0f3a>", "<ipython-input-12-0f3a>"),
        ("/tmp/ipykernel_1/333.py", "/var/tmp/ipykernel_2345/333.py"),
        ("C:\\Temp\\ipykernel_1\\333.py", "C:\\Temp\\ipykernel_2\\333.py"),
    ],
)
def test_prompts_and_cells_make_the_same_bytes(names):
    payloads = []
    for name in names:
        with Peer() as peer:
            peer.run(code_with(name))
            payloads.append(peer.pickle("f"))
    assert payloads[0] == payloads[1]
