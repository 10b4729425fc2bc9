"""report.html: a run's scorecard and items as one self-contained page."""
