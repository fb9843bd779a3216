"""`vedette top`: where the milliseconds go, from the metrics of all processes.

`processes` finds them, `scrape` reads one, `differences` says what happened between two scrapes, `look` puts it
together for all of them, `tables` and `screen` show it.
"""
