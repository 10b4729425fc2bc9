"""The formats of other tools' corpora: each is a row of a table with the names that it has and a function that reads a
row. Pure: no module here opens a file."""
