"""Pages for people: what any page is put together from, and the page of a correction.

``shell``, ``charts``, ``formats``, ``words`` and ``listing``, with the templates ``shell.html``, ``report.html``,
``parts.html`` and ``listing.html``, are for whoever has pages of their own. The rest is the page of a correction, one
self-contained HTML file each, for those who approve and those who audit.
"""
