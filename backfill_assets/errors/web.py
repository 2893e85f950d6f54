"""Refusals of the console: forms it did not show, people it does not know, places it must not listen at."""

from backfill_assets.errors.base import BadInput, Refused


class FormUnreadable(BadInput):
    """A form was not sent as the console's pages send it."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The form cannot be read, since {why}. Nothing was changed. Open the page of the correction and try again."
        )


class FormOutdated(Refused):
    """What a form shows is no longer so, or it was sent before."""

    def __init__(self, correction: str) -> None:
        super().__init__(
            f"Correction {correction} is no longer as it was when this form was shown, or the form was sent before. "
            "This form has changed nothing. Look at the correction as it is now, and decide again where that is needed."
        )


class FormForged(Refused):
    """A form does not come from a page that the console showed to this browser."""

    def __init__(self) -> None:
        super().__init__(
            "The form does not come from a page that the console has shown to this browser. Nothing was changed. "
            "Open the page of the correction and decide there."
        )


class NoteNeeded(BadInput):
    """A decision needs a reason."""

    def __init__(self, what: str, correction: str) -> None:
        super().__init__(
            f"To {what} correction {correction} a reason is needed, and none was given. Nothing was changed. "
            "Write why, in a sentence that those who are told of it understand."
        )


class ChoiceNeeded(BadInput):
    """A decision is about some of several, and it is not said which."""

    def __init__(self, what: str, correction: str) -> None:
        super().__init__(
            f"It is not stated what of correction {correction} is to {what}. Nothing was changed. "
            "Choose from those that the form lists."
        )


class DecisionNotOffered(Refused):
    """A correction is where this cannot be decided."""

    def __init__(self, what: str, correction: str, standing: str) -> None:
        super().__init__(
            f"Correction {correction} cannot be decided upon so ({what}), as it is {standing}. Nothing was changed. "
            "Its page lists what can be decided now."
        )


class PersonUnnamed(Refused):
    """The proxy in front of the console names nobody."""

    def __init__(self, header: str) -> None:
        super().__init__(
            f"The request does not say in its header {header} who you are. Nothing was changed. "
            "Sign in where the console is reached through, or ask whoever has set it up."
        )


class ConsoleExposed(BadInput):
    """The console is to listen for other machines without knowing who asks."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"The console was to listen on {host}, where other machines reach it and anybody could sign as anybody. "
            "It was not started. "
            "Give --identity-header, the header in which a proxy in front names who asks, or listen on 127.0.0.1."
        )


class PortTaken(BadInput):
    """Something else listens where the console was to listen."""

    def __init__(self, host: str, port: int, why: str) -> None:
        super().__init__(
            f"The console cannot listen on {host}, port {port} ({why}). It was not started. "
            "Stop what listens there, or give another --port."
        )
