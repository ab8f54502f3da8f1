"""The one place that builds and joins the rooms."""
