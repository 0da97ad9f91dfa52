"""What comes and goes, what tells while nobody can be told, and what the monitor goes by."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

from faults.clocks import wall_clock
from faults.stand import Stand
from support.http_server import HttpServer, Reply
from troubles.drill import PROMPT, Drill, letters_at

ONE = "pipelines: {load: {shell: 'exit $(cat code)'}}"
#: The monitor's own interval.
PERIOD = timedelta(minutes=5)


def test_an_endpoint_comes_and_goes(trouble: Drill) -> None:
    """With the ten minutes that `resolve_after` has by default."""
    with HttpServer() as shop, wall_clock(trouble.site) as clock:
        trouble.finding = (trouble.row["code"], f"{shop.url}/health")
        trouble.configure(ONE, monitor={"endpoints": [f"{shop.url}/health"]}, alerting={})
        trouble.has_not_begun()
        shop.answers(Reply(503))
        clock.shift(PERIOD)
        trouble.is_found()
        for turn in range(2, 6):
            down = turn % 2 == 1
            shop.answers(Reply(503 if down else 200))
            clock.shift(turn * PERIOD)
            assert trouble.look() == ((2, [trouble.finding]) if down else (0, []))
        shop.answers(Reply(200))
        for turn in (6, 7):
            clock.shift(turn * PERIOD)
            assert trouble.look() == (0, [])
        assert trouble.letters() == [("raised", *trouble.finding)]
        clock.shift(8 * PERIOD)
        trouble.is_over()


def test_the_configuration_cannot_be_read(trouble: Drill) -> None:
    """What it last said holds: whom to tell, too, where a variable names that."""
    trouble.site.env["HOOK"] = f"{trouble.server.url}/hook"
    hook = {"type": "webhook", "url": "${HOOK}"}
    trouble.configure(ONE, alerting={**PROMPT, "channels": {"hook": hook}})
    _breaks_and_is_mended(trouble, "{load", "{load: [")


def test_the_configuration_has_a_mistake(trouble: Drill) -> None:
    """The address of the hook is kept nowhere; it still stands in the file."""
    trouble.configure(ONE)
    _breaks_and_is_mended(trouble, "shell:", "shall:")


def _breaks_and_is_mended(trouble: Drill, old: str, new: str) -> None:
    trouble.has_not_begun()
    file = trouble.site.root / "config" / "orchestration.yaml"
    good = file.read_text()
    file.write_text(good.replace(old, new, 1))
    assert trouble.tetra("run").returncode == 78
    trouble.is_found_and_told_once()
    file.write_text(good)
    trouble.is_over()


def test_all_channels_are_down_for_a_week(trouble: Drill, tmp_path: Path) -> None:
    """What has to be told waits, grows no further and arrives once. The runs are those of who tells nobody."""
    twin, pages = Stand(tmp_path / "its twin"), HttpServer()
    twin.configure(ONE)
    troubles = [("pipeline_failed", "load"), trouble.finding, ("letters_stuck", "pages")]
    with wall_clock(trouble.site) as clock:
        with pages:
            trouble.configure(ONE, alerting={**PROMPT, "channels": _channels(trouble.server, pages)})
            trouble.has_not_begun()
        trouble.server.answers(Reply(503))
        assert _runs(3, trouble.site, twin) == 2
        for minutes in (2, 5, 10):
            clock.shift(timedelta(minutes=minutes))
            assert trouble.look() == (2, troubles[:1])
        for days in (0.01, 2, 4, 6):
            clock.shift(timedelta(days=days))
            assert Counter(trouble.look()[1]) == Counter(troubles)
            assert _runs(3, trouble.site, twin) == 2
        assert _waiting(trouble) == {(*about, "pending"): 2 * trouble.row["alerts"] for about in troubles}
        clock.shift(timedelta(days=7, hours=-1))
        trouble.server.requests.clear()
        trouble.server.answers(Reply(200))
        with HttpServer(port=_port_of(pages)) as pages:
            trouble.look()
            raised = Counter(("raised", *about) for about in troubles)
            assert [Counter(trouble.letters()), Counter(letters_at(pages))] == [raised] * 2
            assert _runs(0, trouble.site, twin) == 0
            assert [trouble.look() for _ in range(2)] == [(0, [])] * 2
            both = raised + Counter(("resolved", *about) for about in troubles)
            assert [Counter(trouble.letters()), Counter(letters_at(pages))] == [both] * 2
        assert trouble.json("status")["alerts_open"] == 0


def _channels(*servers: HttpServer) -> dict[str, Any]:
    urls = zip(("hook", "pages"), servers, strict=True)
    return {name: {"type": "webhook", "url": f"{server.url}/hook"} for name, server in urls}


def _port_of(server: HttpServer) -> int:
    return int(server.address.rpartition(":")[2])


def _waiting(trouble: Drill) -> dict[tuple[str, ...], int]:
    """How many letters there are of each alert, by their state."""
    alerts = trouble.json("alerts", "list")["alerts"]
    return Counter((one["code"], one["subject"], letter["state"]) for one in alerts for letter in one["letters"])


def _runs(code: int, site: Stand, twin: Stand) -> int:
    """The exit code of a run whose task exits with `code`; what others see of it is what they see of the twin's."""
    for each in (site, twin):
        each.write("code", str(code))
    done, other = (each.run("run").returncode for each in (site, twin))
    assert (done, _seen(site)) == (other, _seen(twin))
    return done


def _seen(site: Stand) -> list[Any]:
    shown = site.json("show")
    rows = [(task["state"], task["reason"], *(one["outcome"] for one in task["attempts"])) for task in shown["tasks"]]
    return [shown["run"]["state"], shown["run"]["exit_code"], *rows]
