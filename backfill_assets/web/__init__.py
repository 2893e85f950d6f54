"""The console: what readers are shown, live, and the decisions of people as forms that work without JavaScript.

It draws with the pages' own templates and decides by the very jobs that the command line and the Dagster UI run.
"""
