"""Second implementations, one clip at a time, of what `soundkin.evaluate` computes in blocks."""

from __future__ import annotations

import math

import numpy as np


def cosine(a, b):
    return float(np.dot(a, b) / max(math.sqrt(np.dot(a, a)) * math.sqrt(np.dot(b, b)), 1e-24))


def ranking(vectors, groups, i):
    """Others outside the own group, nearest first."""
    others = [j for j in range(len(vectors)) if groups[j] != groups[i]]
    return sorted(others, key=lambda j: (-cosine(vectors[i], vectors[j]), j))


def average_precision(relevant):
    found, total = 0, 0.0
    for place, yes in enumerate(relevant, 1):
        if yes:
            found += 1
            total += found / place
    return total / found


def occurrences(vectors, groups, k):
    counts = [0] * len(vectors)
    for i in range(len(vectors)):
        for j in ranking(vectors, groups, i)[:k]:
            counts[j] += 1
    return counts


def macro_f1(labels, predicted):
    scores = []
    for name in sorted(set(labels) | set(predicted)):
        both = sum(a == b == name for a, b in zip(labels, predicted, strict=True))
        said = sum(b == name for b in predicted)
        true = sum(a == name for a in labels)
        precision, recall = both / said if said else 0.0, both / true if true else 0.0
        scores.append(2 * precision * recall / (precision + recall) if both else 0.0)
    return sum(scores) / len(scores)
