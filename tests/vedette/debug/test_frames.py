"""Stacks: every thread and task is there, with the whole of what it waits for, and no value."""

import asyncio
import threading

from vedette.debug.frames import report, tasks, threads

SECRET = "hunter2-t0ken"


async def _innermost(password: str, release: asyncio.Event) -> None:
    await release.wait()


async def _middle(release: asyncio.Event) -> None:
    await _innermost(SECRET, release)


async def test_all_tasks_are_shown_down_to_what_they_wait_for_and_alike_ones_once() -> None:
    release = asyncio.Event()
    waiting = [asyncio.create_task(_middle(release), name=f"camera-{number}") for number in range(50)]
    await asyncio.sleep(0)
    found = tasks()
    text = await asyncio.to_thread(report, [], found)
    release.set()
    await asyncio.gather(*waiting)
    assert len(found) == 50
    assert [place.function for place in found[0].stack] == ["_middle", "_innermost", "Event.wait"]
    assert "50 at: camera-" in text
    assert "and 47 more" in text
    assert "await release.wait()" in text
    assert SECRET not in text.replace("await _innermost(SECRET, release)", "")


async def test_a_thread_is_shown_where_it_is() -> None:
    release = threading.Event()
    thread = threading.Thread(target=release.wait, args=(60,), name="decoding")
    thread.start()
    found = {one.name: one for one in threads()}
    release.set()
    await asyncio.to_thread(thread.join)
    assert "Event.wait" in [place.function for place in found["decoding"].stack]
    assert "MainThread" not in found  # it is the one that asks
