"""From an embedding track to a labelled timeline: features, clustering, smoothing, kept models, key poses."""
