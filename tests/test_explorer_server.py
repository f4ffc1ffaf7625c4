"""The explorer's server: commands, frames, files, and what it refuses."""

import dataclasses
import json
import os
import re
import runpy
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex

import toymodels as tm
from toymodels.cli import main
from toymodels.explorer import Controls, security, takeaway
from toymodels.explorer.description import describe, plain, shapes_of
from toymodels.explorer.fields import EXAMPLES, FIELDS, SECTIONS
from toymodels.explorer.saved_page import joined_script
from toymodels.explorer.serve import listening, served_in_thread
from toymodels.explorer.server import FILES, PAGE
from toymodels.explorer.sessions import (
    UNWATCHED_SECONDS,
    FullError,
    Session,
    Sessions,
)
from toymodels.explorer.theory_lines import theory_lines
from toymodels.explorer.trainer import Frame
from toymodels.geometry import pentagon

ROOT = Path(__file__).parents[1]
QUICK = {"batch": 16, "sparsity": 0.9}


@pytest.fixture
def kept():
    made = Sessions(most=3)
    yield made
    made.close()


@pytest.fixture(scope="module")
def served():
    """A real server: what is tested is what a browser meets."""
    made = Sessions(most=3)
    with served_in_thread(made) as base, httpx.Client(base_url=base, timeout=60) as one:
        yield one, made


@pytest.fixture
def client(served):
    client, _ = served
    client.cookies.clear()
    return client


def begun(client, settings=QUICK):
    answer = client.post("/api/sessions", json={"settings": settings})
    assert answer.status_code == 200, answer.text
    return f"/api/sessions/{answer.json()['session']}"


def state(client, session):
    return client.get(session).json()


def stepped(client, session, count):
    target = state(client, session)["step"] + count
    client.post(f"{session}/step", json={"count": count})
    return until(client, session, lambda s: s["step"] >= target and resting(s))


def resting(frame):
    return frame["status"] != "playing"


def until(client, session, condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition(found := state(client, session)):
        assert time.monotonic() < deadline, f"nothing happened: {found['status']}"
        time.sleep(0.01)
    return found


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)


# --- commands ------------------------------------------------------------------------


def test_a_session_begins_paused_and_is_described(client):
    session = begun(client)
    frame = state(client, session)
    assert (frame["step"], frame["loss"], frame["status"]) == (0, None, "paused")
    assert np.shape(frame["W"]) == (2, 5)
    for name in ("b", "norms", "dimensionality", "represented"):
        assert len(frame[name]) == 5
    assert [line["name"] for line in frame["theory"]] == [
        "output 0",
        "no superposition",
    ]
    np.testing.assert_allclose(
        frame["norms"], np.linalg.norm(frame["W"], axis=0), atol=2e-5
    )
    assert frame["settings"] == dataclasses.asdict(Controls(**QUICK))


def test_commands_do_what_they_say(client):
    session = begun(client)
    assert stepped(client, session, 5)["step"] == 5
    client.post(f"{session}/play", json={})
    until(client, session, lambda s: s["step"] > 5 and s["status"] == "playing")
    client.post(f"{session}/pause", json={})
    paused = until(client, session, resting)
    time.sleep(0.1)
    assert state(client, session)["step"] == paused["step"]
    client.post(f"{session}/restart", json={})
    again = state(client, session)
    assert again["step"] == 0 and again["generation"] > paused["generation"]


def test_live_settings_do_not_restart_and_others_do(client):
    session = begun(client)
    before = stepped(client, session, 3)
    answer = client.post(
        f"{session}/settings", json={"settings": {**QUICK, "sparsity": 0.5}}
    )
    assert answer.json() == {"restarted": False}
    after = state(client, session)
    assert after["step"] == 3 and after["settings"]["sparsity"] == 0.5
    # The frame keeps the settings that led to it.
    assert after["controls"]["sparsity"] == before["controls"]["sparsity"] == 0.9
    answer = client.post(f"{session}/settings", json={"settings": {**QUICK, "n": 7}})
    assert answer.json() == {"restarted": True}
    assert np.shape(state(client, session)["W"]) == (2, 7)


def test_settings_that_are_not_sent_stay_as_they_are(client):
    session = begun(client)
    for changes in ({"learning_rate": 0.02}, {"backdoor_rate": 0.1}, {"d": 3}):
        answer = client.post(f"{session}/settings", json={"settings": changes})
        assert answer.json() == {"restarted": "d" in changes}
    expected = Controls(**QUICK, learning_rate=0.02, backdoor_rate=0.1, d=3)
    assert state(client, session)["settings"] == dataclasses.asdict(expected)
    # What does not fit to the others is refused at its field.
    answer = client.post(f"{session}/settings", json={"settings": {"n": 3}})
    assert answer.status_code == 422 and answer.json()["field"] == "d"
    whole = dataclasses.asdict(Controls(**QUICK))
    client.post(f"{session}/settings", json={"settings": whole})
    assert state(client, session)["settings"] == whole


def test_a_command_to_a_training_that_was_just_closed_is_refused(served):
    client, kept = served
    session = begun(client)
    found = kept.find(session.rpartition("/")[2])
    found.close()
    for name, body in (
        ("restart", {}),
        ("settings", {"settings": {"n": 7}}),
        ("make-map", {}),
    ):
        answer = client.post(f"{session}/{name}", json=body)
        assert answer.status_code == 404 and "has ended" in answer.json()["message"]
    assert found.trainer.status == "ended"


def test_what_goes_wrong_in_training_reaches_the_page(served, monkeypatch):
    client, _ = served

    def fails(*_):
        raise RuntimeError("no room")

    session = begun(client)
    with monkeypatch.context() as patched:
        patched.setattr("toymodels.explorer.trainer._advanced", fails)
        client.post(f"{session}/step", json={})
        found = until(client, session, lambda s: s["status"] == "failed")
    assert found["failure"] == "RuntimeError: no room"
    client.post(f"{session}/restart", json={})
    assert stepped(client, session, 2)["failure"] is None


def test_earlier_frames_can_be_asked_for(client):
    session = begun(client)
    first = state(client, session)["W"]
    newest = stepped(client, session, 6)
    frame = client.post(f"{session}/frame", json={"step": 0}).json()
    assert frame["step"] == 0 and frame["W"] == first != newest["W"]
    history = client.get(f"{session}/history").json()
    assert history["steps"][0] == 0 and history["steps"][-1] == 6
    assert history["losses"][0] is None and history["losses"][-1] == newest["loss"]


def test_a_reload_finds_its_session_and_a_lost_one_is_begun_anew(client):
    session = begun(client).rpartition("/")[2]
    found = client.post("/api/sessions", json={"resume": session}).json()
    assert found == {"session": session, "resumed": True}
    other = client.post("/api/sessions", json={"resume": "gone"}).json()
    assert not other["resumed"] and other["session"] != session


def test_a_pace_slows_down(client):
    session = begun(client)
    stepped(client, session, 2)
    client.post(f"{session}/pace", json={"pace": 60})
    client.post(f"{session}/play", json={})
    began, first = time.monotonic(), state(client, session)["step"]
    until(client, session, lambda s: s["step"] > first + 20)
    client.post(f"{session}/pause", json={})
    done = until(client, session, resting)["step"] - first
    assert 20 < done <= 70 * (time.monotonic() - began) + 2
    client.post(f"{session}/pace", json={"pace": None})
    assert state(client, session)["pace"] is None


def test_divergence_is_shown_without_numbers_that_json_lacks(client):
    weights = np.full((2, 5), np.inf, np.float32)
    frame = Frame(3, weights, np.zeros(5, np.float32), None, Controls())
    data = json.loads(json.dumps(describe(frame, shapes_of(frame)), allow_nan=False))
    assert data["W"] == [[None] * 5] * 2 and data["shape"] == "empty"
    assert plain(np.array([1.0, np.nan])) == [1.0, None]


def test_a_pentagon_is_named_with_its_distance():
    W = np.asarray(pentagon(), np.float32)
    frame = Frame(1, W, np.zeros(5, np.float32), 0.1, Controls())
    data = describe(frame, shapes_of(frame))
    assert data["shape"] == "pentagon" and data["distance"] < 1e-4
    np.testing.assert_allclose(data["dimensionality"], 0.4, atol=1e-4)


# --- the stream ----------------------------------------------------------------------


def events(lines, count):
    found = []
    for line in lines:
        if line.startswith("data: ") and len(line) > 10:
            found.append(json.loads(line[6:]))
            if len(found) == count:
                break
    return found


def test_frames_arrive_while_it_plays(client):
    session = begun(client)
    client.post(f"{session}/play", json={})
    with client.stream("GET", f"{session}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        frames = events(answer.iter_lines(), 6)
    steps = [frame["step"] for frame in frames]
    assert steps == sorted(steps) and steps[-1] > steps[0]


def test_a_slow_browser_gets_the_newest_frame_and_holds_nothing_up(served):
    client, kept = served
    session = begun(client, {**QUICK, "n": 100, "d": 20})
    trainer = kept.find(session.rpartition("/")[2]).trainer
    trainer.slow_down(None)
    stepped(client, session, 2)  # compiles
    with client.stream("GET", f"{session}/events") as answer:
        client.post(f"{session}/play", json={})
        lines = answer.iter_lines()
        events(lines, 2)
        before, deadline = trainer.newest.step, time.monotonic() + 60
        while trainer.newest.step < before + 200:  # nothing is read
            assert time.monotonic() < deadline, "an unread stream holds training up"
            time.sleep(0.05)
    deadline = time.monotonic() + 60
    while kept.find(session.rpartition("/")[2]).viewers:
        assert time.monotonic() < deadline, "a vanished browser is still watched for"
        time.sleep(0.05)


def test_streams_end_with_the_server():
    kept = Sessions()
    ended = threading.Event()

    def watch(base, session):
        with httpx.stream("GET", f"{base}{session}/events", timeout=30) as answer:
            for _ in answer.iter_lines():
                pass
        ended.set()

    with served_in_thread(kept) as base:
        with httpx.Client(base_url=base) as client:
            session = begun(client)
        threading.Thread(target=watch, args=(base, session)).start()
        deadline = time.monotonic() + 60
        while not kept.find(session.rpartition("/")[2]).viewers:
            assert time.monotonic() < deadline, "the stream has not begun"
            time.sleep(0.01)
    assert ended.wait(60)
    assert len(kept) == 0


def test_a_stream_of_no_session_is_not_tried_again(client):
    assert client.get("/api/sessions/none/events").status_code == 204


def test_a_look_at_the_head_of_a_stream_begins_none(client):
    session = begun(client)
    assert client.head(f"{session}/events").status_code == 200
    assert client.head("/api/sessions/none/events").status_code == 404


# --- sessions ------------------------------------------------------------------------


def test_sessions_are_bounded(kept):
    first, *others = (kept.begin(Controls(**QUICK)) for _ in range(3))
    for session in others:
        session.viewers = 1
        session.touch()
    kept.begin(Controls(**QUICK))
    assert len(kept) == 3 and kept.find(first.id) is None
    assert first.trainer.status == "ended"
    for session in kept._sessions.values():
        session.viewers = 1
        session.touch()
    with pytest.raises(FullError, match="all 3"):
        kept.begin(Controls(**QUICK))


def test_a_full_server_says_so():
    kept = Sessions(most=1)
    with served_in_thread(kept) as base, httpx.Client(base_url=base) as client:
        begun(client)
        for session in kept._sessions.values():
            session.viewers = 1
        answer = client.post("/api/sessions", json={})
    assert answer.status_code == 503 and "in use" in answer.json()["message"]


@pytest.mark.parametrize("viewers", [0, 1])
def test_unwatched_trainings_pause_and_idle_ones_end(kept, viewers):
    """A page that is gone, and one that stopped reading without going away."""
    session = kept.begin(Controls(**QUICK))
    watched = kept.begin(Controls(**QUICK))
    session.viewers, watched.viewers = viewers, 1

    def sweep_after(seconds):
        session.last_used = time.monotonic() - seconds
        watched.touch()
        kept.sweep()

    for one in (session, watched):
        one.trainer.play()
        wait_for(lambda one=one: one.trainer.newest.step >= 2)
    sweep_after(2 * UNWATCHED_SECONDS)
    wait_for(lambda: session.trainer.status == "paused")
    assert watched.trainer.status == "playing"
    assert kept.find(session.id) is session
    sweep_after(2 * kept.idle_seconds)
    assert kept.find(session.id) is None and kept.find(watched.id) is watched
    assert session.trainer.status == "ended"


def test_who_stopped_reading_makes_room(kept):
    stalled, *others = (kept.begin(Controls(**QUICK)) for _ in range(3))
    for session in (stalled, *others):
        session.viewers = 1
        session.touch()
    stalled.last_used -= 2 * UNWATCHED_SECONDS
    kept.begin(Controls(**QUICK))
    assert kept.find(stalled.id) is None and stalled.trainer.status == "ended"
    assert all(kept.find(session.id) is session for session in others)


# --- what is refused -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"n": 1}, "n"),
        ({"n": 4, "d": 4}, "d"),
        ({"sparsity": 2}, "sparsity"),
        ({"sparsity": "much"}, "sparsity"),
        ({"batch": 10**9}, "batch"),
        ({"activation": "eval"}, "activation"),
        ({"colour": "red"}, "settings"),
        ([], "settings"),
        (None, "settings"),
    ],
)
def test_bad_settings_name_their_field(client, settings, field):
    session = begun(client)
    answer = client.post(f"{session}/settings", json={"settings": settings})
    assert answer.status_code == 422
    found = answer.json()
    assert found["field"] == field and found["message"].startswith("got ")
    assert state(client, session)["settings"] == dataclasses.asdict(Controls(**QUICK))


@pytest.mark.parametrize(
    ("name", "body", "field"),
    [
        ("step", {"count": 0}, "count"),
        ("step", {"count": 10**6}, "count"),
        ("frame", {}, "step"),
        ("frame", {"step": -1}, "step"),
        ("pace", {"pace": 1}, "pace"),
        ("pace", {"pace": "fast"}, "pace"),
        ("play", [], "body"),
    ],
)
def test_bad_commands_say_what_is_wrong(client, name, body, field):
    answer = client.post(f"{begun(client)}/{name}", json=body)
    assert answer.status_code == 422 and answer.json()["field"] == field


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)
NAMES = st.sampled_from([field.name for field in FIELDS]) | st.text(max_size=3)


@pytest.fixture(scope="module")
def shared(served):
    client, _ = served
    return client, begun(client)


@given(JSON | st.dictionaries(NAMES, JSON), st.sampled_from(["step", "frame", "pace"]))
def test_malformed_requests_are_refused_in_one_way(shared, data, name):
    client, session = shared
    for path, body in ((f"{session}/{name}", data), (f"{session}/frame", {"x": data})):
        content = json.dumps(body).encode()
        answer = client.post(
            path, content=content, headers={"content-type": "application/json"}
        )
        assert answer.status_code in (200, 422), answer.text
        if answer.status_code == 422:
            assert set(answer.json()) == {"field", "message"}


@given(st.dictionaries(NAMES, JSON, min_size=1))
def test_malformed_settings_are_refused_in_one_way(shared, settings):
    client, session = shared
    present = state(client, session)["settings"]
    content = json.dumps({"settings": settings}).encode()
    answer = client.post(
        f"{session}/settings",
        content=content,
        headers={"content-type": "application/json"},
    )
    try:
        Controls.of(present | json.loads(content)["settings"])
    except tm.SettingsError:
        assert answer.status_code == 422
        assert "\n" not in answer.json()["message"]
    else:
        assert answer.status_code == 200


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"\xff",
        b"[" * 5000,
        b"9" * 5000,
        b'{"settings": NaN}',
        b'{"settings": {"sparsity": 1' + b"0" * 400 + b"}}",
        b'{"settings": {"n": 1' + b"0" * 400 + b"}}",
    ],
)
def test_what_is_no_json_is_refused(client, content):
    answer = client.post(
        "/api/sessions", content=content, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422 and set(answer.json()) == {"field", "message"}


def test_bodies_are_limited_announced_or_not(client):
    large = b"x" * (security.MOST_BODY_BYTES + 1)
    headers = {"content-type": "application/json"}
    assert client.post("/api/sessions", content=large, headers=headers).status_code == (
        413
    )

    def chunks():
        for _ in range(20):
            yield b"x" * 1000

    answer = client.post("/api/sessions", content=chunks(), headers=headers)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": "localhost.evil.example"}, 421),
        ({"host": ""}, 421),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://localhost:1"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_other_sites_are_kept_out(served, headers, status):
    client, kept = served
    before = set(kept._sessions)
    given_headers = {"content-type": "application/json", **headers}
    answer = client.post("/api/sessions", content=b"{}", headers=given_headers)
    assert answer.status_code == status
    assert set(kept._sessions) == before


@pytest.mark.parametrize("host", ["localhost:8765", "127.0.0.1", "[::1]:80"])
def test_loopback_has_several_names(client, host):
    headers = {"host": host, "origin": f"http://{host}"}
    assert client.get("/", headers=headers).status_code == 200


def test_every_answer_is_guarded(client):
    for path in ("/", "/page/main.js", "/api/page", "/nowhere"):
        headers = client.get(path, headers={"origin": str(client.base_url)}).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in policy and "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "path",
    ["/page/../server.py", "/page/%2e%2e%2fserver.py", "/page/x", "/page/", "/etc"],
)
def test_no_path_leads_out_of_the_page(client, path):
    assert client.get(path).status_code == 404


def test_all_files_of_the_page_are_served(client):
    assert {"index.html", "main.js", "style.css"} <= set(FILES)
    for name, path in FILES.items():
        answer = client.get(f"/page/{name}")
        assert answer.content == path.read_bytes()


def test_other_addresses_need_the_token():
    served = served_in_thread(Sessions(), host="0.0.0.0", token="secret")
    with (
        served as base,
        httpx.Client(base_url=base.replace("0.0.0.0", "127.0.0.1")) as client,
    ):
        assert client.get("/").status_code == 401
        assert client.post("/api/sessions", json={}).status_code == 401
        assert client.get("/?token=wrong").status_code == 401
        assert client.get("/", headers={"host": "evil.example"}).status_code == 421
        assert client.get("/", headers={"host": "192.0.2.1:80"}).status_code == 401
        welcome = client.get("/?token=secret&x=1")
        assert welcome.status_code == 303 and welcome.headers["location"] == "/?x=1"
        assert "HttpOnly; SameSite=Strict" in welcome.headers["set-cookie"]
        assert "superposition" in client.get("/").text
        assert client.post("/api/sessions", json={}).status_code == 200


# --- to take away --------------------------------------------------------------------


def weights_of(client, session, tmp_path, step):
    answer = client.get(f"{session}/weights?step={step}")
    path = tmp_path / "w.safetensors"
    path.write_bytes(answer.content)
    return tm.load_weights(path)


@pytest.mark.parametrize(
    "settings",
    [
        QUICK,
        {"batch": 16, "n": 6, "d": 3, "groups": "anticorrelated", "group_size": 3},
        {"batch": 16, "backdoor_size": 2, "backdoor_rate": 0.1, "exponent": 3.0},
        {"batch": 16, "activation": "identity", "groups": "correlated", "n": 4},
    ],
)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sparsity": 0.6, "learning_rate": 0.02},
        {"backdoor_point": "1:1 3:0.5", "backdoor_rate": 0.3},
    ],
)
def test_the_script_makes_the_same_weights(client, tmp_path, settings, changes):
    session = begun(client, settings)
    stepped(client, session, 9)
    if changes:
        client.post(f"{session}/settings", json={"settings": {**settings, **changes}})
        stepped(client, session, 8)
    step = state(client, session)["step"]
    kept = weights_of(client, session, tmp_path, step)
    path = tmp_path / "run.py"
    path.write_text(client.get(f"{session}/script?step={step}").text)
    made = runpy.run_path(str(path))
    np.testing.assert_array_equal(made["W"], kept.params["W"][0])
    np.testing.assert_array_equal(made["b"], kept.params["b"][0])


def test_a_script_ends_at_the_frame_that_is_shown(client, tmp_path):
    session = begun(client)
    stepped(client, session, 4)
    early = weights_of(client, session, tmp_path, 4)
    client.post(f"{session}/settings", json={"settings": {**QUICK, "sparsity": 0.5}})
    stepped(client, session, 4)
    path = tmp_path / "run.py"
    path.write_text(client.get(f"{session}/script?step=4").text)
    np.testing.assert_array_equal(runpy.run_path(str(path))["W"], early.params["W"][0])


@pytest.mark.parametrize("name", ["script", "weights"])
@pytest.mark.parametrize("step", ["x", "-1", "9" * 50, "1e3"])
def test_a_step_that_is_none_is_refused(client, name, step):
    answer = client.get(f"{begun(client)}/{name}", params={"step": step})
    assert answer.status_code == 422 and answer.json()["field"] == "step"


def test_an_untrained_run_has_no_script(client):
    answer = client.get(f"{begun(client)}/script")
    assert answer.status_code == 422 and "at least one step" in answer.json()["message"]


def test_the_saved_page_is_whole(client):
    session = begun(client)
    stepped(client, session, 5)
    page = client.get(f"{session}/page").text
    assert '<link rel="stylesheet"' not in page and 'src="/' not in page
    assert "import {" not in page and "unsafe" not in page
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    for rule in ("default-src 'none'", "base-uri 'none'", "form-action 'none'"):
        assert rule in policy.split("; ")
    text = page.partition('id="saved">')[2].partition("</script>")[0]
    data = json.loads(text)
    assert [frame["step"] for frame in data["frames"]][-1] == 5
    assert "import toymodels as tm" in data["script"]


def test_few_pages_are_saved_at_the_same_time(served, monkeypatch):
    """Threads are few: while some wait for a page, others are refused at once."""
    client, _ = served
    entered, leave = threading.Event(), threading.Event()

    def slow(trainer):
        entered.set()
        assert leave.wait(60)
        return "a page"

    monkeypatch.setattr(takeaway, "saved_page", slow)
    session = begun(client)
    answers = []

    def save():
        answers.append(client.get(f"{session}/page").status_code)

    places = takeaway._saving.most
    threads = [threading.Thread(target=save) for _ in range(places)]
    for thread in threads:
        thread.start()
    assert entered.wait(60)
    wait_for(lambda: not takeaway._saving._places._value)
    refused = client.get(f"{session}/page")
    assert refused.status_code == 422 and refused.json()["field"] == "page"
    leave.set()
    for thread in threads:
        thread.join(60)
    assert answers == [200] * places


def test_the_joined_script_has_every_module_once():
    joined = joined_script()
    for path in PAGE.glob("*.js"):
        if (
            path.name == "widget.js"
        ):  # the lessons' entry, into some of the same modules
            continue
        first = path.read_text(encoding="utf-8").splitlines()[0]
        assert joined.count(first) == 1, path.name
    assert "\nexport " not in joined and "\nimport " not in joined


# --- what the page is made from ------------------------------------------------------


def test_every_setting_has_a_field_and_a_section():
    names = {field.name for field in dataclasses.fields(Controls)}
    assert {field.name for field in FIELDS} == names and len(FIELDS) == len(names)
    assert {field.section for field in FIELDS} == set(SECTIONS)
    for field in FIELDS:
        assert field.label and field.help.endswith(".")


@pytest.mark.parametrize("field", [f for f in FIELDS if f.kind == "number"])
def test_sliders_stay_within_what_is_allowed(field):
    for end in (field.low, field.high):
        Controls.of({field.name: float(end)})


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_examples_are_valid(example):
    assert example.controls().spec().runs == 1


def test_the_page_has_the_colours_of_the_figures():
    text = FILES["colours.js"].read_text(encoding="utf-8")
    for name in ("cividis", "RdBu_r"):
        for colour in matplotlib.colormaps[name](np.linspace(0, 1, 11)):
            assert to_hex(colour) in text
    for name in ("BLUE", "VERMILLION", "GREEN", "SKY"):
        assert getattr(tm.plotting.palette, name) in text


def test_theory_lines_are_losses_that_training_meets():
    silent, kept = theory_lines(Controls(sparsity=0.9, importance_decay=1.0))
    assert silent.loss == pytest.approx(5 * 0.1 / 3)
    variance = 0.1 / 3 - 0.1**2 / 4
    assert kept.loss == pytest.approx(3 * variance)
    cubic = theory_lines(Controls(exponent=3.0, importance_decay=1.0))
    assert cubic[0].loss == pytest.approx(5 * 0.1 / 4)
    planted = Controls(backdoor_size=2, backdoor_rate=0.25, importance_decay=1.0)
    (only,) = theory_lines(planted)
    expected = 0.75 * 5 * 0.1 / 3 + 0.25 * np.sum(planted.point() ** 2)
    assert only.loss == pytest.approx(expected)


def test_shapes_are_not_named_too_often(kept, monkeypatch):
    session = Session(Controls(**QUICK))
    session.trainer.step(3)
    wait_for(lambda: session.trainer.newest.step == 3)
    wait_for(lambda: session.trainer.status == "paused")
    calls = []
    monkeypatch.setattr(
        "toymodels.explorer.description.shapes_of",
        lambda frame: calls.append(frame.step) or [],
    )
    for _ in range(3):
        session.newest()
    assert calls == [3]
    session.trainer.close()


# --- the command ---------------------------------------------------------------------


def test_ctrl_c_stops_it_cleanly_while_a_page_watches(tmp_path):
    code = "import sys; from toymodels.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "explore", "--port", "0", "--no-browser"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    address = re.search(r"http\S+", process.stdout.readline())[0].rstrip("/")
    with httpx.Client(base_url=address, timeout=60) as client:
        session = begun(client)
        client.post(f"{session}/play", json={})
        with client.stream("GET", f"{session}/events") as answer:
            assert events(answer.iter_lines(), 1)
            process.send_signal(signal.SIGINT)
            out, error = process.communicate(timeout=120)
    assert process.returncode == 0 and "has stopped" in out
    assert error == ""


def test_a_missing_extra_is_named_in_one_line(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "toymodels.explorer.serve")
    assert main(["explore", "--no-browser"]) == 2
    error = capsys.readouterr().err
    assert "toymodels[explore]" in error and error.count("\n") == 1


def test_a_taken_port_is_said(capsys):
    taken = listening("127.0.0.1", 0)
    port = str(taken.getsockname()[1])
    assert main(["explore", "--port", port, "--no-browser"]) == 2
    assert "--port 0" in capsys.readouterr().err
    taken.close()
