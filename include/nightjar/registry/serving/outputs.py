"""What a serving model answers, by the kind of model, and what else its file says."""

# Probabilities are of all classes, distances to all clusters.
OUTPUTS = {
    "classification": "probability",
    "recommender": "probability",
    "regression": "prediction",
    "segmentation": "distances",
}
# The classes of a classifier, as JSON in the file's metadata.
CLASSES = "classes"
