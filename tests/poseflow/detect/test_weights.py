import hashlib
import http.server
import os
import socket
import threading
from dataclasses import dataclass, field

import numpy as np
import pytest

from poseflow.detect import download as downloading
from poseflow.detect import registry
from poseflow.detect.registry import MODELS, ModelEntry, get_model
from poseflow.detect.weights import cache_folder, can_get, find_weights
from vvipe.errors import WeightsError

CONTENT = np.random.default_rng(0).integers(0, 256, 300_000, dtype=np.uint8).tobytes()
DIGEST = hashlib.sha256(CONTENT).hexdigest()
FILENAME = f"toy-{DIGEST[:8]}_20260101.pth"


@dataclass
class Server:
    """A real HTTP server on localhost.

    Attributes:
        url: Of the good file.
        cuts: How many of the next answers break off after 100 kB.
        has_ranges: Whether it can resume.
        requests: (method, path, Range header) of what was asked.
    """

    url: str = ""
    cuts: int = 0
    has_ranges: bool = True
    requests: list = field(default_factory=list)


@pytest.fixture
def server():
    state = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):  # noqa: N802
            self.answer(with_body=False)

        def do_GET(self):  # noqa: N802
            self.answer(with_body=True)

        def answer(self, *, with_body):
            span = self.headers.get("Range")
            state.requests.append((self.command, self.path, span))
            content = {"/good": CONTENT, "/wrong": CONTENT[::-1]}.get(self.path)
            if content is None:
                self.send_error(404)
                return
            start = int(span.removeprefix("bytes=").removesuffix("-")) if span and state.has_ranges else 0
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206 if span and state.has_ranges else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            if not with_body:
                return
            if state.cuts:
                state.cuts -= 1
                self.wfile.write(content[start : start + 100_000])
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
            else:
                self.wfile.write(content[start:])

        def log_message(self, *args):
            pass

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    state.url = f"http://127.0.0.1:{httpd.server_port}/good"
    yield state
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Empty own and cache folders, no proxy, online."""
    own, cache = tmp_path / "own", tmp_path / "cache"
    own.mkdir()
    monkeypatch.setenv("POSEFLOW_WEIGHTS", os.pathsep.join([str(tmp_path / "absent"), str(own)]))
    monkeypatch.setenv("POSEFLOW_CACHE", str(cache))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("POSEFLOW_OFFLINE", raising=False)
    return own, cache / "weights"


@pytest.fixture
def publish(monkeypatch):
    def put(*urls):
        entry = ModelEntry("toy", "topdown", "configs/toy.py", FILENAME, urls, DIGEST[:8])
        monkeypatch.setitem(registry.MODELS, "toy", entry)

    return put


def unused_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def test_good_file_is_downloaded_once_with_its_full_hash(server, folders, publish):
    publish(server.url)
    path = find_weights("toy")
    assert path == folders[1] / FILENAME and path.read_bytes() == CONTENT
    assert path.with_name(FILENAME + ".sha256").read_text().split() == [DIGEST, FILENAME]
    assert find_weights("toy") == path and len(server.requests) == 1
    assert sorted(file.name for file in folders[1].iterdir()) == [FILENAME, FILENAME + ".sha256"]


def test_cut_off_download_is_resumed_where_it_stopped(server, folders, publish):
    publish(server.url)
    server.cuts = 2
    assert find_weights("toy").read_bytes() == CONTENT
    assert [span for _, _, span in server.requests] == [None, "bytes=100000-", "bytes=200000-"]


def test_download_of_an_earlier_run_is_resumed(server, folders, publish):
    publish(server.url)
    folders[1].mkdir(parents=True)
    (folders[1] / (FILENAME + ".part")).write_bytes(CONTENT[:1234])
    assert find_weights("toy").read_bytes() == CONTENT
    assert [span for _, _, span in server.requests] == ["bytes=1234-"]


def test_server_without_ranges_gives_the_whole_file_again(server, folders, publish):
    publish(server.url)
    server.has_ranges, server.cuts = False, 1
    assert find_weights("toy").read_bytes() == CONTENT


@pytest.mark.parametrize("left_over", [b"something else", CONTENT + b"too long"])
def test_left_over_of_another_file_is_replaced(server, folders, publish, left_over):
    publish(server.url)
    folders[1].mkdir(parents=True)
    (folders[1] / (FILENAME + ".part")).write_bytes(left_over)
    assert find_weights("toy").read_bytes() == CONTENT


def test_connection_that_always_breaks_keeps_what_came(server, folders, publish, monkeypatch):
    publish(server.url)
    server.has_ranges, server.cuts = False, 99
    with pytest.raises(WeightsError, match="the connection was cut"):
        find_weights("toy")
    assert (folders[1] / (FILENAME + ".part")).stat().st_size == 100_000
    assert not (folders[1] / FILENAME).exists()


def test_wrong_file_is_refused_and_removed(server, folders, publish):
    publish(server.url.replace("good", "wrong"))
    with pytest.raises(WeightsError, match="gave another file: SHA-256 [0-9a-f]{64}, expected " + DIGEST[:8]):
        find_weights("toy")
    assert list(folders[1].iterdir()) == []


def test_error_names_the_file_the_folders_and_the_urls(server, folders, publish):
    missing = server.url.replace("good", "missing")
    publish(missing)
    with pytest.raises(WeightsError) as caught:
        find_weights("toy")
    for needed in (FILENAME, str(folders[0]), str(folders[1]), missing, "404", "POSEFLOW_WEIGHTS"):
        assert needed in str(caught.value)


def test_unreachable_host_is_an_error(folders, publish):
    publish(f"http://127.0.0.1:{unused_port()}/good")
    with pytest.raises(WeightsError, match="refused"):
        find_weights("toy")


def test_second_url_is_used_when_the_first_fails(server, folders, publish):
    publish(f"http://127.0.0.1:{unused_port()}/good", server.url.replace("good", "wrong"), server.url)
    assert find_weights("toy").read_bytes() == CONTENT


@pytest.mark.parametrize("how", ["setting", "environment"])
def test_offline_asks_no_server(server, folders, publish, monkeypatch, how):
    publish(server.url)
    if how == "environment":
        monkeypatch.setenv("POSEFLOW_OFFLINE", "1")
    with pytest.raises(WeightsError, match="offline"):
        find_weights("toy", offline=how == "setting")
    assert server.requests == []


def test_own_folder_comes_before_the_cache_and_the_server(server, folders, publish):
    publish(server.url)
    find_weights("toy")
    (folders[0] / FILENAME).write_bytes(CONTENT)
    assert find_weights("toy", offline=True) == folders[0] / FILENAME


def test_damaged_local_file_is_named(folders, publish):
    publish("http://localhost/good")
    (folders[0] / FILENAME).write_bytes(CONTENT[:-1])
    with pytest.raises(WeightsError, match="damaged or another file"):
        find_weights("toy")


def test_recorded_hash_is_checked_beyond_its_first_digits(server, folders, publish):
    publish(server.url)
    path = find_weights("toy")
    path.with_name(FILENAME + ".sha256").write_text(DIGEST[:8] + "0" * 56 + "  " + FILENAME)
    with pytest.raises(WeightsError, match="damaged or another file"):
        find_weights("toy")


def test_unwritable_cache_is_an_error(server, folders, publish, tmp_path, monkeypatch):
    publish(server.url)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("POSEFLOW_CACHE", str(tmp_path / "file"))
    with pytest.raises(WeightsError, match="could not be downloaded"):
        find_weights("toy")


def test_reachability_is_asked_without_a_download(server, folders, publish, monkeypatch):
    publish(server.url)
    assert can_get("toy")
    assert [method for method, _, _ in server.requests] == ["HEAD"]
    monkeypatch.setenv("POSEFLOW_OFFLINE", "1")
    assert not can_get("toy")
    (folders[0] / FILENAME).write_bytes(CONTENT)
    assert can_get("toy")


def test_a_missing_file_and_a_dead_host_are_not_reachable(server, folders, publish):
    publish(server.url.replace("good", "missing"), f"http://127.0.0.1:{unused_port()}/good", "no url")
    assert not can_get("toy")


def test_silent_server_is_given_up_after_the_timeout(folders, publish, monkeypatch):
    monkeypatch.setattr(downloading, "_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        publish(f"http://127.0.0.1:{sock.getsockname()[1]}/good")
        assert not can_get("toy", timeout_s=0.2)
        with pytest.raises(WeightsError, match="timed out"):
            find_weights("toy")


def test_cache_follows_the_system(monkeypatch, tmp_path):
    monkeypatch.delenv("POSEFLOW_CACHE", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "poseflow"
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert cache_folder() == tmp_path / "local" / "poseflow"


def test_every_registered_file_is_in_the_installed_metafiles_or_tables():
    from pathlib import Path

    import mmpose

    root = Path(mmpose.__file__).parent
    published = "".join(path.read_text() for path in (root / ".mim").rglob("*.yml"))
    published += (root / "apis/inferencers/utils/default_det_models.py").read_text()
    for entry in MODELS.values():
        assert (root / ".mim" / entry.config).is_file()
        if entry.name != "rtmdet-nano":  # named in mmpose's projects/rtmpose/README.md, which is not installed
            assert entry.filename in published


def test_unknown_model_lists_the_known_ones():
    with pytest.raises(ValueError, match="unknown model 'yolo'.*rtmpose-m"):
        get_model("yolo")
    with pytest.raises(ValueError, match=r"known: rtmdet-nano, rtmdet-m,"):
        get_model("rtmpose-m", "person")


def test_entry_whose_name_lacks_the_hash_is_refused():
    with pytest.raises(ValueError, match="is not in the file name"):
        ModelEntry("toy", "topdown", "c.py", "toy.pth", (), "01234567")
