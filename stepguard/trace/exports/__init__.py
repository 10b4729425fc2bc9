"""An execution as something to keep: a regression test, and a page to read."""
