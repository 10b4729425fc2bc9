"""What other people wrote, against the embedded AWS: definitions, moto's tests, and clients."""
