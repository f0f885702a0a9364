"""A real browser for the tests of the pages."""

from __future__ import annotations

import os

import pytest
from chromium import find_chromium, open_chromium


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    binary = find_chromium()
    if binary is None:
        if os.environ.get("POSEFLOW_REQUIRE_CHROMIUM"):
            pytest.fail("POSEFLOW_REQUIRE_CHROMIUM is set, and there is no Chromium in CHROMIUM or on PATH")
        pytest.skip("no Chromium: name one in the variable CHROMIUM, or put one on PATH")
    with open_chromium(binary, tmp_path_factory.mktemp("profile")) as page:
        yield page
