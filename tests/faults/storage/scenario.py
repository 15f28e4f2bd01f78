"""An index through an object store, with faults between the steps: what `run.sh` runs.

Arguments: the binary of index-svc, a folder for everything, the programs `weed` and `azurite-blob`. The same steps on each.
"""

import csv
import json
import os
import random
import shutil
import sys
import threading
import time

from proxy import Proxy
from services import Index, Server, wait_for
from stores import CONTAINER, S3, Azure

ROWS = 9000
# A text of each row, so long that the file of the tracks is uploaded in several parts.
NOTES = "What somebody wrote of a song, at length. " * 40
HERE = os.path.dirname(os.path.abspath(__file__))
SCHEMA = os.path.join(HERE, "../../../deploy/components/index-demo/features.csv")
FILES = ["blocks.bin", "build.json", "data.mdb", "manifest.json", "scaled.bin", "tracks.bin", "vectors.bin"]


def build(index, name, rows, seed):
    """An index of random vectors; returns its version."""
    with open(SCHEMA, newline="") as table:
        columns = next(csv.reader(table))[1:]
    draw = random.Random(seed)
    with open(index.path(f"{name}.csv"), "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["track_id", "notes", *columns])
        for row in range(rows):
            table.writerow([f"t{row}", NOTES, *(f"{draw.gauss(0, 1):.5f}" for _ in columns)])
    child = index.start(
        *["build", "--input", index.path(f"{name}.csv"), "--output", index.path(name)],
        *["--profile", "librosa-0.11-22050", "--trees", "2"],
    )
    _, err = child.communicate()
    assert child.returncode == 0, err


def killed_after_every_write(index, proxy, store, url):
    """The publisher is killed when the store has done its nth write and the answer is still on the way;
    for every n, in a place of its own. What it leaves is not wanted or whole, and the next one goes on.

    The parts of a file are on the way at once: what is in flight at the kill may still be written."""
    nth, moved, uploaded, one_at_a_time = 0, False, [], threading.Lock()
    while not moved:
        nth += 1
        place, writes = f"{url}-{nth}", []

        def kill(method, path):
            if place.rsplit("/", 1)[1] not in path.split("/"):
                return  # a part of the last publisher, which was in flight at its end
            with one_at_a_time:
                writes.append(f"{method} {path}")
                if len(writes) == nth:
                    child.kill()
                    child.wait()

        proxy.faults.written = kill
        child = index.publisher("one", place)
        _, said = child.communicate()
        proxy.faults.written = None
        late = [write for write in writes[nth:] if store.part not in write]
        assert child.returncode and len(writes) >= nth and not late, f"write {nth}: {writes}; {said}"
        state = index.run("versions", "--at", place, "--format", "json")
        whole = {v["index_version"]: v["whole"] for v in state["versions"]}
        moved = state["wanted"] is not None
        assert not moved or whole[state["wanted"]], f"{state} after {writes}"
        again = index.publish("one", place)
        assert sorted(again["skipped"] + again["uploaded"]) == FILES, again
        assert again["pointer_moved"] != moved and len(again["uploaded"]) <= len(FILES), again
        uploaded.append(len(again["uploaded"]))
    assert uploaded == sorted(uploaded, reverse=True) and uploaded[-1] == 0, uploaded
    assert any(store.part in write for write in writes), f"no file goes in parts: {writes}"
    print(f"  killed after each of {nth} writes; left to upload: {uploaded}")


def two_at_once(index, proxy, _store, url):
    """Both writes of the pointer have left their publishers before the store sees either."""
    index.publish("one", url)
    proxy.faults.barrier = ("/CURRENT", 2)
    children = [index.publisher(name, url) for name in ("two", "three")]
    said = [child.communicate() for child in children]
    codes = sorted(child.returncode for child in children)
    assert codes == [0, 1], f"{codes}: {said}"
    loser = next(err for (_, err), child in zip(said, children) if child.returncode)
    wanted = index.wanted(url)
    assert f"was moved to {wanted} by " in loser, loser
    print(f"  of two, one wins: {loser.strip()[:100]}…")


def first_at_once(index, proxy, _store, url):
    """The same where nothing was published before: the pointer is created once."""
    proxy.faults.barrier = ("/CURRENT", 2)
    children = [index.publisher(name, url) for name in ("two", "three")]
    said = [child.communicate() for child in children]
    assert sorted(child.returncode for child in children) == [0, 1], said


def lost_answers(index, proxy, _store, url):
    """A conditional write is done and nobody says so; the publisher finds out and is content."""
    for name in ("/manifest.json", "/CURRENT"):
        proxy.faults.lose_answer_of = name
        index.publish("one" if name == "/manifest.json" else "two", url)
        assert proxy.faults.lose_answer_of is None, f"no answer to {name} was lost"
    proxy.faults.every_503 = 3
    index.run("rollback", "--at", url, "--format", "json")
    index.publish("three", url)
    proxy.faults.every_503 = 0


def broken_download(index, proxy, _store, url):
    """Answers are cut again and again; the server is started until it has everything, and what had
    come is not fetched again."""
    version = index.publish("one", url)["index_version"]
    total = sum(os.path.getsize(os.path.join(index.path("one"), file)) for file in FILES if file != "manifest.json")
    proxy.faults.cut_after = 400_000
    before = proxy.body_bytes
    starts = 0
    while True:
        starts += 1
        assert starts < 100, "no start comes further than the one before"
        server = Server(index, url, "cache-broken", "--storage-retries", "2")
        if server.ready:
            break
        assert server.end() == 1
    proxy.faults.cut_after = None
    server.answers(version)
    came = proxy.body_bytes - before
    assert starts > 1 and came < 1.5 * total, f"{starts} starts, {came} bytes of {total}"
    assert server.end() == 0
    print(f"  {starts} starts, {came / total:.2f} of the bytes")


def store_gone(index, proxy, _store, url):
    """Refused, then silent; a server that runs goes on, and another one starts from its cache."""
    one = index.publish("one", url)["index_version"]
    quick = ["--storage-timeout", "500ms", "--storage-retries", "1"]
    failed = 'index_source_looks_total{outcome="failed"}'
    server = Server(index, url, "cache", *quick)
    server.answers(one)
    for fault in ("refuse", "silent"):
        setattr(proxy.faults, fault, True)
        so_far = server.metric(failed)
        wait_for("looks that fail", lambda: server.metric(failed) >= so_far + 2)
        server.answers(one)
        setattr(proxy.faults, fault, False)
    stamp = "index_source_last_answer_timestamp_seconds"
    now = time.time()
    wait_for("an answer", lambda: server.metric(stamp) >= int(now))
    assert server.end() == 0

    proxy.faults.refuse = True
    server = Server(index, url, "cache", *quick)
    assert server.ready, server.log
    server.answers(one)
    assert server.metric(stamp) == 0
    proxy.faults.refuse = False
    two = index.publish("two", url)["index_version"]
    server.answers(two)
    fetched = len(server.logged("a version is fetched"))
    index.run("rollback", "--at", url, "--format", "json")
    server.answers(one)
    assert len(server.logged("a version is fetched")) == fetched, "going back fetches nothing"
    assert server.end() == 0


def wrong_key(index, _proxy, store, url):
    """The refusal names the place and what to look at."""
    secret = "bm90LXRoZS1zZWNyZXQ="
    stranger = Index(index.binary, index.folder, {**index.environment, store.secret_name: secret})
    said = stranger.run("versions", "--at", url, code=1)
    assert url in said and "refuses these credentials" in said, said
    assert secret not in said, said


def pruned(index, _proxy, _store, url):
    """What is wanted stays, what nobody needs goes."""
    for name in ("one", "two", "three"):
        index.publish(name, url)
    wanted = index.wanted(url)
    # Objects are dated in whole seconds.
    wait_for(
        "two versions to go",
        lambda: index.run(
            "prune", "--at", url, "--keep", "0", "--grace", "0s", "--format", "json"
        )["kept"]
        == [wanted],
    )
    again = index.publish("three", url)
    assert sorted(again["skipped"]) == FILES, again


def pruned_and_wanted_at_once(index, proxy, _store, url):
    """A version is given up and gone back to at once: it stays, or whoever wants it is told that it goes."""
    outcomes = set()
    for turn in range(6):
        place = f"{url}-{turn}"
        one = index.publish("one", place)["index_version"]
        two = index.publish("two", place)["index_version"]
        # Objects are dated in whole seconds: one is old enough to go from the next second on.
        time.sleep(1.1)
        proxy.faults.barrier = ("/CURRENT", 2)
        prune = index.start("prune", "--at", place, "--keep", "0", "--grace", "0s", "--format", "json")
        rollback = index.start("rollback", "--at", place, "--version", one, "--format", "json")
        (pruned, said), (_, refused) = prune.communicate(), rollback.communicate()
        assert proxy.faults.barrier is None and prune.returncode == 0, said
        state = index.run("versions", "--at", place, "--format", "json")
        whole = {v["index_version"]: v["whole"] for v in state["versions"]}
        assert whole[state["wanted"]], state
        gone = json.loads(pruned)["removed"]
        if rollback.returncode == 0:
            assert state["wanted"] == one and gone == [two], f"{state}, {gone}"
        else:
            assert state["wanted"] == two and gone == [one], f"{state}, {gone}"
            # Which of the two depends on how far the other has come.
            assert f"{one} is being removed" in refused or f"no whole version {one}" in refused, refused
        outcomes.add(rollback.returncode)
    print(f"  the one who goes back: {sorted('lost' if code else 'won' for code in outcomes)}")


def looked_at(index, _proxy, _store, url):
    """Validated and queried where it lies."""
    version = index.publish("one", url)["index_version"]
    assert index.run("validate", "--index", url, "--format", "json")["passed"]
    answer = index.run("query", "--index", url, "--track-id", "t7", "--format", "json")
    assert version in json.dumps(answer), answer


STEPS = [
    killed_after_every_write,
    two_at_once,
    first_at_once,
    lost_answers,
    broken_download,
    store_gone,
    wrong_key,
    pruned,
    pruned_and_wanted_at_once,
    looked_at,
]


def run(binary, indexes, store):
    proxy = Proxy(store.port)
    environment = {**store.environment(), "SOUNDALIKE_STORAGE_ENDPOINT": store.endpoint_at(proxy.port)}
    index = Index(binary, indexes, environment)
    for step in STEPS:
        start = time.monotonic()
        step(index, proxy, store, f"{store.scheme}://{CONTAINER}/{step.__name__}")
        for cache in ("cache", "cache-broken"):
            shutil.rmtree(index.path(cache), ignore_errors=True)
        print(f"{store.scheme}: {step.__name__.replace('_', ' ')}: {time.monotonic() - start:.1f} s", flush=True)


def main(binary, folder, weed, azurite):
    binary, indexes = os.path.abspath(binary), os.path.join(folder, "indexes")
    os.makedirs(indexes)
    for seed, name in enumerate(("one", "two", "three")):
        build(Index(binary, indexes, {}), name, ROWS - 1000 * seed, seed)
    for kind, program in ((S3, weed), (Azure, azurite)):
        store = kind(program, os.path.join(folder, kind.__name__))
        try:
            run(binary, indexes, store)
        finally:
            store.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
