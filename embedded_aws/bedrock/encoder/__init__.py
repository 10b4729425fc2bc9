"""The multilingual text encoder that detectors, search and embedding models share: `model.encode`."""
