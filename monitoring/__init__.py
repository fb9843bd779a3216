"""Alerts and dashboards as code. `python -m monitoring` writes the files that Prometheus, Grafana and the chart take.

Nothing of this runs in the product: it is read by who operates it.
"""
