"""Whom notices about revenue address in words of their own: finance, executives, and who prepares the board pack."""

from backfill_assets.corrections import Audience, NoticeKind

FINANCE = Audience(
    "finance",
    moves={
        NoticeKind.OPENED: "Do not reconcile or close {months} until you hear that it is corrected.",
        NoticeKind.WAITING: "Compare the totals with your own, then tell the data team whether to go ahead.",
        NoticeKind.PUBLISHED: "Download the workbooks of {months} again; their journal lists every entry to post.",
        NoticeKind.ROLLED_BACK: "Reverse what you posted of {days} for correction {correction}; the journal has the "
        "reversing entries.",
        NoticeKind.ABANDONED: "Continue with {months} as published. A new correction will be announced.",
        NoticeKind.UNCHANGED: "Continue with {months} as published; nothing has to be posted.",
        NoticeKind.DECOMMISSIONED: "Nothing. Keep the journal; it is the only record of the earlier figures.",
    },
    closed={
        NoticeKind.WAITING: "Two people have to approve, each by name.",
        NoticeKind.PUBLISHED: "Post the restatement journal; it is in the workbook of each month.",
    },
    every_measure=True,
)
EXECUTIVES = Audience(
    "exec",
    moves={
        NoticeKind.OPENED: "Do not decide on figures of {days}; the dashboard shows the state before.",
        NoticeKind.WAITING: "Nothing yet. The dashboard stays as it is until the correction is approved.",
        NoticeKind.PUBLISHED: "Read the dashboard again, and correct what was quoted from {days}.",
    },
    by_month=False,
)
BOARD = Audience(
    "board",
    moves={
        NoticeKind.OPENED: "Do not send any pack that quotes {months}. The pages say which state they show.",
        NoticeKind.WAITING: "Prepare to restate {months}; the figures above are what they will say.",
        NoticeKind.PUBLISHED: "Replace the packs of {months}. Each restated month shows its earlier figure.",
        NoticeKind.ROLLED_BACK: "Withdraw packs of {months} made since the correction was published.",
    },
)
AUDIENCES = (FINANCE, EXECUTIVES, BOARD)
