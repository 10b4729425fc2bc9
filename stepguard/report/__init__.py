"""report.html: a run's scorecard and items as one page that needs nothing else."""
