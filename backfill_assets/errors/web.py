"""Refusals of the console: forms it did not show, people it does not know, places it must not listen at."""

from backfill_assets.errors.base import BackfillAssetsError, BadInput, Refused, counted, fault_told, verb


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


class PersonForged(Refused):
    """A request names its person itself, and did not come by the proxy that is to say it."""

    def __init__(self, header: str, why: str) -> None:
        super().__init__(
            f"The header {header} is not believed, since {why}. Nothing was changed. "
            "Sign in where the console is reached through, or start it with the proxy's address as --proxy."
        )


class TooManyFollow(Refused):
    """As many pages follow the ledger as the console bears."""

    def __init__(self, most: int) -> None:
        super().__init__(
            f"This page does not follow the ledger, as {counted(most, 'page')} {verb(most, 'does', 'do')} already. "
            "Nothing was changed. "
            "Close some, or load this page again to see what has happened."
        )


class PageFailed(BackfillAssetsError):
    """A page could not be drawn, or a decision not be brought to its end, and nobody foresaw why."""

    def __init__(self, fault: Exception, *, decides: bool) -> None:
        left = "The decision may have been taken" if decides else "Nothing was changed by looking"
        move = (
            "Look at the correction before you decide again."
            if decides
            else "See to it that the lake can be reached and read, and load the page again. The console's own output "
            "tells more."
        )
        super().__init__(f"The console cannot show this now ({fault_told(fault)}). {left}. {move}")


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


class ProxyUnknown(BadInput):
    """What was given as the proxy's address is none."""

    def __init__(self, told: str) -> None:
        super().__init__(
            f"{told!r} is neither an address nor a network of a proxy. The console was not started. "
            "Give --proxy as 10.0.0.7 or 10.0.0.0/24."
        )
