"""`python -m cloudpickle`: what can be done from a command line. The commands are in `cloudpickle.vendored.command`."""

import sys

from .vendored.command import main

sys.exit(main())
