"""What one visitor's session holds: the desk, what is chosen, the jobs under way and done. Nothing outside it is written."""

from __future__ import annotations

import gc
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from quokka_laws.app.choices import File, Question, Reading
from quokka_laws.app.desk import Desk, Job
from quokka_laws.app.limits import Limits
from quokka_laws.app.shown import Look, Offer

KEY = "quokka-laws"


@dataclass
class Session:
    """The state of the page.

    Parameters
    ----------
    desk : Desk
    reading, question : Reading, Question
        As the widgets have them now.
    asked : (Reading, Question) or None
        As they were when the answer on the page was asked for.
    seen : Look or None
        The last look at these files.
    mending : bool
        Whether columns have had to be named by hand, so that their selects stay open.
    version : int
        Part of every widget's key: one more, and widgets show what was chosen for them elsewhere.
    """

    desk: Desk
    reading: Reading = field(default_factory=Reading)
    question: Question = field(default_factory=Question)
    asked: tuple[Reading, Question] | None = None
    uploads: dict[str, File] = field(default_factory=dict)
    seen: Look | None = None
    mending: bool = False
    version: int = 0
    _jobs: dict[str, Job] = field(default_factory=dict)

    def job(self, task: str, *arguments: Any, start: bool = True) -> Job | None:
        """The job of a task with these arguments; begun if need be, in place of one with others.

        An answer also takes the place of what was done with the last one; anything else waits its turn.
        """
        known = self._jobs.get(task)
        if known is not None and known.arguments == arguments:
            return known
        if not start:
            return None
        for name, other in self._jobs.items():
            if not other.running:
                continue
            if name == "look" == task:
                self.desk.forget(other)
            elif name == task or (task == "answer" and name != "look"):
                self.desk.stop(other)
        self._jobs[task] = self.desk.start(task, *arguments)
        return self._jobs[task]

    def use(self, files: tuple[File, ...]) -> None:
        """Other files: whatever was chosen for the last ones is forgotten."""
        if files != self.reading.files:
            self.reading, self.asked, self.version = Reading(files), None, self.version + 1
            self.question = Question(C=self.question.C, U_D=self.question.U_D)
            self.seen, self.mending = None, False

    def take(self, offer: Offer) -> None:
        """What a button offers: choices change; an answer that is there is asked for again with them."""
        self.reading = offer.changes.get("reading", self.reading)
        self.question = offer.changes.get("question", self.question)
        self.version += 1
        if self.asked is not None:
            self.asked = (self.reading, self.question)

    def ask(self) -> None:
        """Ask for the answer to what is chosen now."""
        self.asked = (self.reading, self.question)

    def key(self, name: str) -> str:
        """The key of a widget that follows what is chosen elsewhere."""
        return f"{name}-{self.version}"


def session() -> Session:
    """The session of who looks at the page."""
    if KEY not in st.session_state:
        gc.collect()  # sessions that have ended refer to themselves; their workers end with them
        desk = Desk(Limits.of_environment())
        desk.warm()
        st.session_state[KEY] = Session(desk)
    found: Session = st.session_state[KEY]
    return found
