"""Alerts: which rules hold now (`rules`), what of that is told and when (`alarm`), and the way to channels (`post`)."""
