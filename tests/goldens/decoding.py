#!/usr/bin/python3
"""Writes decoding.safetensors: what scikit-learn and SciPy make of synthetic features.

    /usr/bin/python3 tests/goldens/decoding.py

Made with Debian 12's python3-sklearn 1.2.1, python3-scipy 1.10.1 and python3-numpy 1.24.2. The features are the
rectified responses of random linear filters to noisy images of classes that come in groups, so that classes of a group
are hard to tell apart; some filters are dead, one is constant.
"""

import json
import pathlib

import numpy as np
import scipy.spatial.distance
import scipy.stats
import sklearn
from sklearn.model_selection import LeaveOneOut, StratifiedKFold
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC


def features(rng, classes, images, filters, noise):
    groups = rng.normal(size=(classes // 3, 40))
    prototypes = np.repeat(groups, 3, axis=0) + 0.7 * rng.normal(size=(classes, 40))
    pictures = np.repeat(prototypes, images, axis=0) + noise * rng.normal(size=(classes * images, 40))
    responses = np.maximum(0, pictures @ rng.normal(size=(40, filters)) / 6 - 0.3)
    responses[:, 3] = 0
    responses[:, 7] = 0.1
    labels = 5 + 2 * np.repeat(np.arange(classes), images)  # labels need not be 0, 1, 2, ...
    order = rng.permutation(classes * images)
    return responses[order].astype(np.float32), labels[order]


def decode(x, y, folds, **settings):
    """Predictions and decision values of each image when it is left out, and the fold that leaves it out."""
    x = x.astype(np.float64)
    predicted = np.zeros(len(y), np.int64)
    fold_of = np.zeros(len(y), np.int64)
    values = np.zeros((len(y), len(np.unique(y))))
    for fold, (train, test) in enumerate(folds.split(x, y)):
        scaler = StandardScaler().fit(x[train])
        machine = LinearSVC(**settings).fit(scaler.transform(x[train]), y[train])
        predicted[test] = machine.predict(scaler.transform(x[test]))
        values[test] = machine.decision_function(scaler.transform(x[test]))
        fold_of[test] = fold
    return predicted, values, fold_of


def write_safetensors(path, tensors):
    names = {np.dtype(np.float32): "F32", np.dtype(np.float64): "F64", np.dtype(np.int64): "I64"}
    header, data = {}, b""
    for name, value in tensors.items():
        value = np.ascontiguousarray(value)
        begin = len(data)
        data += value.tobytes()
        header[name] = {"dtype": names[value.dtype], "shape": list(value.shape), "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def main():
    print("scikit-learn", sklearn.__version__, "scipy", scipy.__version__, "numpy", np.__version__)
    rng = np.random.default_rng(2022)
    out = {}
    exact = {"dual": False, "tol": 1e-10, "max_iter": 100000}
    # The default solver, given the time to converge.
    default = {"random_state": 0, "max_iter": 1000000}

    x, y = features(rng, classes=12, images=14, filters=60, noise=1.2)
    predicted, values, fold_of = decode(x, y, StratifiedKFold(5, shuffle=True, random_state=0), **exact)
    by_default, _, _ = decode(x, y, StratifiedKFold(5, shuffle=True, random_state=0), **default)
    out |= {"few.features": x, "few.labels": y, "few.folds": fold_of, "few.predicted": predicted,
            "few.predicted_by_default": by_default, "few.decision_values": values}
    print("168 images, 60 features:", np.mean(predicted == y), "default", np.mean(by_default == y))

    x, y = features(rng, classes=6, images=8, filters=150, noise=1.5)
    predicted, values, _ = decode(x, y, LeaveOneOut(), **exact, C=0.01)
    by_default, _, _ = decode(x, y, LeaveOneOut(), **default, C=0.01)
    out |= {"many.features": x, "many.labels": y, "many.predicted": predicted,
            "many.predicted_by_default": by_default, "many.decision_values": values}
    print("48 images, 150 features:", np.mean(predicted == y), "default", np.mean(by_default == y))

    x = x.astype(np.float64)
    rdms = {kind: scipy.spatial.distance.pdist(x, kind) for kind in ("correlation", "cosine", "euclidean")}
    out |= {"rdm." + kind: rdm for kind, rdm in rdms.items()}
    # Rounded, so that there are ties.
    a, b = np.round(rdms["correlation"], 1), np.round(rdms["euclidean"], 0)
    out["rdm.tied_correlations"] = np.array([scipy.stats.spearmanr(a, b)[0], scipy.stats.kendalltau(a, b)[0],
                                             scipy.stats.pearsonr(a, b)[0]])
    write_safetensors(pathlib.Path(__file__).with_suffix(".safetensors"), out)


if __name__ == "__main__":
    main()
