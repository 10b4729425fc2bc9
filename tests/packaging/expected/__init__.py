"""What the tests of the template expect."""
