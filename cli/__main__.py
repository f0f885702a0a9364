"""Runs the command line as `python -m poseflow_cli`."""

import sys

from .main import main

sys.exit(main())
