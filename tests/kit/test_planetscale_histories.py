"""Random histories of `make migrate`: delays, rights, a queue with others in it, gates, errors, faults and kills.

PLANETSCALE_HISTORIES=500 runs that many instead of a few; PLANETSCALE_SEED starts elsewhere.
"""

import os
import random
from collections.abc import Callable
from typing import Any

import pytest

from kit.planetscale import client
from kit.planetscale.branches import Stopped
from kit.planetscale.client import ApiError
from planetscale_model import ACCESSES, Delays, DeployRequest, Fault
from planetscale_scene import COLUMN, Killed, Scene
from planetscale_server import PlanetScale

HISTORIES = int(os.environ.get("PLANETSCALE_HISTORIES", "40"))
SEED = int(os.environ.get("PLANETSCALE_SEED", "0"))
TROUBLED = 5
"""Runs with trouble; after them everybody does what the messages say, and the network is quiet."""
RUNS = 14

FAULTS = [Fault(429), Fault(500), Fault(503, done=True), Fault(0), Fault(0, done=True), Fault(200, short=True)]
DEPLOYED = {"complete", "complete_pending_revert"}


class History:
    """One history: PlanetScale, other people, and a command that is run until it succeeds."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        chance = self.random.random
        delays = Delays(
            branch=self.random.choice([0, 4, 30]),
            validation=self.random.choice([0, 4, 40]),
            check=self.random.choice([0, 9, 40]),
            running=self.random.choice([0, 9, 200]),
            settling=self.random.choice([0, 60, 120]),
        )
        self.planetscale = PlanetScale(delays=delays)
        self.scene = Scene(self.planetscale)
        self.planetscale.window_holds_branch = chance() < 0.3
        self.planetscale.acknowledged_state = self.random.choice(["complete", None])
        self.planetscale.forbidden = self.random.choice([403, 404])
        self.planetscale.settings["require_approval_for_deploy"] = chance() < 0.15
        self.skip_revert = chance() < 0.5
        self.seen_live = False
        self.live_at_last_look = False
        if chance() < 0.25:
            self.planetscale.accesses = ACCESSES - {self.random.choice(sorted(set(client.ACCESSES.values())))}
        if chance() < 0.2:
            stale = [self._older] * self.random.choice([1, 3])
            self.planetscale.branches["main"].tables["messages"]["picture"] = "text"
            self.planetscale.stale = stale
        if chance() < 0.15:
            self.planetscale.check_errors = "invalid column"
        elif chance() < 0.15:
            self.planetscale.deploy_errors = "Duplicate entry"
        for _ in range(self.random.choice([0, 1, 1, 2, 4])):
            action = self.random.choice(
                [self._queue_another, self._close_gate, self._cancel, self._revert, self._close]
            )
            self.planetscale.events.append((self.random.uniform(0, 300), action))

    @staticmethod
    def _older(tables: Any) -> Any:
        tables["messages"].pop("picture", None)
        return tables

    # What others do

    def _ours(self, *states: str) -> list[DeployRequest]:
        return [one for one in self.planetscale.requests if one.branch != "feature" and one.deployment_state in states]

    def _queue_another(self) -> None:
        if "feature" not in self.planetscale.branches:
            self.planetscale.add_branch("feature", theirs="int")
            auto = self.random.random() < 0.7
            errors = "Duplicate entry" if self.random.random() < 0.3 else None
            self.planetscale.add_request("feature", auto_cutover=auto, deploy_errors=errors)

    def _close_gate(self) -> None:
        for request in self._ours("pending", "ready", "queued", "submitting", "in_progress"):
            request.auto_cutover = False

    def _cancel(self) -> None:
        for request in self._ours("queued", "submitting", "in_progress", "pending_cutover"):
            request.cancelled_by = "Ada"
            state = "cancelled" if request.deployment_state == "queued" else "in_progress_cancel"
            self.planetscale.enter(request, state)

    def _revert(self) -> None:
        for request in self._ours("complete_pending_revert"):
            self.planetscale.enter(request, "in_progress_revert")

    def _close(self) -> None:
        for request in self._ours("pending", "ready"):
            request.state, request.closed_by = "closed", "Ada"

    def _correct(self) -> None:
        """Everybody does what the messages ask for."""
        self.planetscale.accesses = ACCESSES
        self.planetscale.check_errors = self.planetscale.deploy_errors = None
        self.planetscale.stale = []
        for request in self.planetscale.requests:
            request.approved = request.auto_cutover = True
            request.acknowledged |= request.branch == "feature" and request.deployment_state == "complete_error"

    # The command

    def _transport(self, troubled: bool) -> Callable[[str, str, Any], Any]:
        kill_after = self.random.randrange(90) if troubled and self.random.random() < 0.7 else 10_000
        faulty = self.random.choice([0, 0, 0.02, 0.2]) if troubled else 0
        sent = 0

        def send(method: str, path: str, body: Any) -> Any:
            nonlocal sent
            sent += 1
            if sent > kill_after:
                raise Killed
            if self.random.random() < faulty:
                self.planetscale.faults[len(self.planetscale.seen)] = self.random.choice(FAULTS)
            response = self.planetscale.transport(method, path, body)
            if "/deploy-requests" in path and method == "GET" and response.status == 200:
                self._look(response.body)
            if sent == kill_after and self.random.random() < 0.5:
                raise Killed  # it was carried out, and nobody heard of it
            return response

        return send

    def _look(self, body: dict[str, Any]) -> None:
        requests = body.get("data", [body])
        ours = [one for one in requests if one["branch"] == "kit-migrate-0002"]
        if ours:
            self.live_at_last_look = self.planetscale.live(COLUMN)
            newest = max(ours, key=lambda one: one["number"])
            if newest["deployment_state"] in DEPLOYED and self.planetscale.live(COLUMN):
                self.seen_live = True

    def run(self) -> None:
        """Run the command until it succeeds, and hold each run against what may never be."""
        for number in range(RUNS):
            troubled = number < TROUBLED
            if not troubled:
                self._correct()
            self.scene.output.clear()
            self.seen_live = self.live_at_last_look = False
            try:
                self.scene.run(transport=self._transport(troubled), skip_revert=self.skip_revert)
            except Killed:
                pass
            except (ApiError, Stopped, ValueError) as error:
                self.scene.output.append(str(error))
                self._failed(error)
            else:
                self._succeeded()
                if not troubled:
                    break
            self.planetscale.advance(self.random.choice([0, 0, 20, 100, 1900]) if troubled else 1900)
        else:
            raise AssertionError(f"stuck: {self.scene.text}")
        self._ended()

    def _failed(self, error: Exception) -> None:
        assert not (self.seen_live and self.live_at_last_look), f"seen live, and reported as failed: {error}"
        silent = isinstance(error, ApiError) and (error.status in {0, 401, 403, 404, 429} or error.status >= 500)
        assert silent or not self.live_at_last_look, f"live, and reported as failed: {error}"
        self._left_behind()

    def _succeeded(self) -> None:
        assert self.live_at_last_look, f"reported as done, and not live: {self.scene.text}"
        self._left_behind()

    def _left_behind(self) -> None:
        """What a run leaves behind is named in what it printed."""
        text = self.scene.text
        branches, _ = self.planetscale.left
        for name in branches:
            assert not name.startswith("kit-") or name in text, f"{name} is left, and not named: {text}"
        for request in self.planetscale.requests:
            if request.state == "open" and request.branch.startswith("kit-"):
                named = f"#{request.number}" in text or "deploy request may exist" in text
                assert named, f"request #{request.number} is left, and not named: {text}"
        for password in self.planetscale.passwords.values():
            assert password["expires"] is not None, f"the password of {password['branch']} never ends"
            assert password["branch"] in text, f"a password of {password['branch']} is left, and not named: {text}"

    def _ended(self) -> None:
        self.planetscale.advance(4000)
        branches, passwords = self.planetscale.left
        assert [name for name in branches if name.startswith("kit-")] == []
        assert passwords == []
        assert [one for one in self.planetscale.requests if one.state == "open" and one.branch != "feature"] == []
        theirs = [one for one in self.planetscale.requests if one.branch == "feature" and one.deployed_at is not None]
        assert self.planetscale.live("theirs") == bool(theirs), "somebody else's column is gone"


@pytest.mark.parametrize("part", range(8))
def test_no_history_ends_in_a_lie_or_leaves_something_behind(part: int) -> None:
    for seed in range(SEED + part, SEED + HISTORIES, 8):
        try:
            History(seed).run()
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise


def test_a_failed_deployment_of_ours_is_acknowledged_before_others_that_wait_behind_it_are_waited_for() -> None:
    History(302).run()
