"""The formats of other tools' corpora: each is an entry of a table, with its columns and a function that reads a row.
Pure: no module here opens a file."""
