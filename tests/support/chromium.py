"""A headless Chromium for tests of pages, driven by the DevTools protocol over a pipe: no port, no further package."""

from __future__ import annotations

import base64
import fcntl
import itertools
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
    "--no-first-run", "--no-default-browser-check", "--disable-extensions", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--mute-audio", "--hide-scrollbars",
)  # fmt: skip
# Chromium reads commands from descriptor 3 and answers on 4.
LAUNCH = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)


def find_chromium() -> str | None:
    """What the environment's CHROMIUM names, else the first on PATH, else None."""
    named = os.environ.get("CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


class Pipe:
    """The DevTools protocol: messages as JSON, each ended by a zero byte."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = reading, writing
        self._received = b""
        self._numbers = itertools.count(1)
        self.events: list[dict[str, Any]] = []

    def call(
        self, method: str, params: dict[str, Any] | None = None, *, session: str | None = None, timeout_s: float = 60
    ) -> Any:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params or {}}
        text = json.dumps(message if session is None else {**message, "sessionId": session}).encode() + b"\0"
        while text:
            text = text[os.write(self._writing, text) :]
        until = time.monotonic() + timeout_s
        while True:
            answer = self._next(until, method)
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def _next(self, until: float, method: str) -> dict[str, Any]:
        while b"\0" not in self._received:
            if not select.select([self._reading], [], [], max(0.0, until - time.monotonic()))[0]:
                raise TimeoutError(f"Chromium did not answer {method}")
            part = os.read(self._reading, 1 << 20)
            if not part:
                raise RuntimeError(f"Chromium ended during {method}")
            self._received += part
        text, _, self._received = self._received.partition(b"\0")
        return json.loads(text)


class Page:
    """One tab."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        target = pipe.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._session = pipe.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> Any:
        return self._pipe.call(method, params, session=self._session)

    def set_size(
        self, width: int, height: int, *, is_phone: bool = False, is_dark: bool = False, is_still: bool = False
    ) -> Self:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if is_phone else 1,
            mobile=is_phone,
        )
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if is_still else "no-preference"},
        ]
        self.call("Emulation.setEmulatedMedia", features=features)
        return self

    def open(self, path: Path) -> Self:
        """Opens a file from disk and waits until it and its videos are there."""
        self._pipe.events.clear()
        self.call("Page.navigate", url=path.resolve().as_uri())
        self.wait_for(f"location.href === {json.dumps(path.resolve().as_uri())} && document.readyState === 'complete'")
        self.run("window.poseflow && poseflow.player ? poseflow.player.clock.settled() : null")
        return self

    def run(self, code: str) -> Any:
        """Value of a JavaScript expression, which may be a promise."""
        result = self.call("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True, userGesture=True)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description") or details["text"])
        return result["result"].get("value")

    def wait_for(self, code: str, *, timeout_s: float = 30) -> None:
        until = time.monotonic() + timeout_s
        while not self.run(code):
            if time.monotonic() > until:
                raise TimeoutError(f"never true: {code}")
            time.sleep(0.05)

    def press(self, key: str, *, text: str = "") -> None:
        codes = {"Tab": 9, "Enter": 13, " ": 32, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
        common = {"key": key, "windowsVirtualKeyCode": codes.get(key, ord(key[0].upper()))}
        self.call(
            "Input.dispatchKeyEvent",
            type="keyDown" if text else "rawKeyDown",
            **common,
            **({"text": text} if text else {}),
        )
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def click(self, selector: str) -> None:
        """A real click into the middle of the element."""
        box = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            " e.scrollIntoView({block: 'center', behavior: 'instant'});"
            " const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def complaints(self) -> list[str]:
        """Errors and warnings of the console, exceptions, and requests to anywhere but the disk and the page itself."""
        self.run("0")  # what was under way arrives
        return [text for event in self._pipe.events if (text := _complaint(event))]

    def screenshot(self, path: Path, *, is_whole: bool = False) -> Path:
        image = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=is_whole)["data"]
        path.write_bytes(base64.b64decode(image))
        return path


def _complaint(event: dict[str, Any]) -> str | None:
    params = event.get("params", {})
    match event.get("method"):
        case "Runtime.exceptionThrown":
            return json.dumps(params["exceptionDetails"])
        case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
            return json.dumps(params["args"])
        case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
            return params["entry"]["text"]
        case "Network.requestWillBeSent" if not params["request"]["url"].startswith(
            ("file:", "data:", "blob:", "about:")
        ):
            return f"asked the network for {params['request']['url']}"
    return None


@contextmanager
def open_chromium(binary: str, profile: Path) -> Iterator[Page]:
    """A tab of a Chromium of its own, which ends with the block."""
    ours_out, theirs_out = os.pipe()
    theirs_in, ours_in = os.pipe()
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (theirs_in, theirs_out)]
    command = [
        sys.executable,
        "-c",
        LAUNCH,
        *map(str, high),
        binary,
        *FLAGS,
        f"--user-data-dir={profile}",
        "about:blank",
    ]
    process = subprocess.Popen(command, pass_fds=high, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for fd in (theirs_in, theirs_out, *high):
        os.close(fd)
    pipe = Pipe(ours_out, ours_in)
    try:
        yield Page(pipe)
        pipe.call("Browser.close")
    finally:
        os.close(ours_in)
        os.close(ours_out)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
