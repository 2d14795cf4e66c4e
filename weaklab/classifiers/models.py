"""The named weak classifiers; each is set up for few labels, with balanced classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weaklab.core.registry import Registry

CLASSIFIERS: Registry[Callable[[int], Any]] = Registry("weak classifier", group="weaklab.classifiers")
"""Classifiers by name; each is a function that takes a seed and returns an unfitted classifier."""

SMALLEST_LEAF = 2
"""Minimum number of records in a leaf; a leaf with a single record would only memorise it."""


COUNTS_ONLY = ("naive_bayes", "complement_naive_bayes")
"""Classifiers that take no negative numbers."""


def takes_any_number(name: str) -> bool:
    """Whether a named classifier takes negative numbers, such as those in sentence vectors.

    >>> takes_any_number("nb"), takes_any_number("lr"), takes_any_number("auto")
    (False, True, True)
    """
    return name not in CLASSIFIERS or CLASSIFIERS[name] not in [CLASSIFIERS[only] for only in COUNTS_ONLY]


@CLASSIFIERS.named("naive_bayes", "nb")
def naive_bayes(seed: int) -> Any:
    """Multinomial Naive Bayes; counts or TF-IDF; milliseconds on large pools.

    Balanced by equal class priors.
    """
    from weaklab.classifiers.linear import NaiveBayes

    return NaiveBayes(alpha=0.1)


@CLASSIFIERS.named("complement_naive_bayes", "cnb")
def complement_naive_bayes(seed: int) -> Any:
    """Complement Naive Bayes, for classes of very different size; counts or TF-IDF.

    Balanced by its counts, which are those of all other classes, and by equal priors.
    """
    from sklearn.naive_bayes import ComplementNB

    return ComplementNB(alpha=0.1)


@CLASSIFIERS.named("gaussian_naive_bayes", "gnb")
def gaussian_naive_bayes(seed: int) -> Any:
    """Gaussian Naive Bayes, for numeric columns and embeddings; takes any features.

    Balanced by sample weights, which give the classes equal priors.
    """
    from weaklab.classifiers.variants import GaussianBayes

    return GaussianBayes(var_smoothing=1e-3)


@CLASSIFIERS.named("logistic_regression", "lr")
def logistic_regression(seed: int) -> Any:
    """Logistic regression; any features; milliseconds on large pools.

    Balanced by class weights.
    """
    from weaklab.classifiers.linear import LogisticRegression

    return LogisticRegression(C=10.0)


@CLASSIFIERS.named("linear_svm", "svm")
def linear_svm(seed: int) -> Any:
    """Linear support vector machine; any features, best with TF-IDF.

    Balanced by class weights.
    """
    from sklearn.svm import LinearSVC

    return LinearSVC(class_weight="balanced", dual="auto", random_state=seed)


@CLASSIFIERS.named("kernel_svm")
def kernel_svm(seed: int) -> Any:
    """Support vector machine with a Gaussian kernel, for curved boundaries in columns and embeddings; any features.

    Balanced by class weights.
    """
    from sklearn.svm import SVC

    return SVC(kernel="rbf", class_weight="balanced", random_state=seed)


@CLASSIFIERS.named("k_nearest_neighbors", "knn")
def k_nearest_neighbors(seed: int) -> Any:
    """Vote of the five nearest labeled records by cosine, weighted by closeness; any features.

    Balanced by sample weights: a neighbour of a frequent class has less weight.
    """
    from weaklab.classifiers.variants import Neighbors

    return Neighbors(5)


@CLASSIFIERS.named("decision_tree", "tree")
def decision_tree(seed: int) -> Any:
    """Decision tree, for few columns with sharp boundaries; any features.

    Balanced by class weights.
    """
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(min_samples_leaf=SMALLEST_LEAF, class_weight="balanced", random_state=seed)


@CLASSIFIERS.named("random_forest", "forest")
def random_forest(seed: int) -> Any:
    """Random forest of a hundred trees, for tabular columns; any features.

    Balanced by class weights within each tree's sample.
    """
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(
        100, min_samples_leaf=SMALLEST_LEAF, class_weight="balanced_subsample", random_state=seed
    )


@CLASSIFIERS.named("perceptron")
def perceptron(seed: int) -> Any:
    """Perceptron, a linear boundary that is corrected after each error; any features.

    Balanced by class weights.
    """
    from sklearn.linear_model import Perceptron

    return Perceptron(class_weight="balanced", random_state=seed)


@CLASSIFIERS.named("multilayer_perceptron", "mlp")
def multilayer_perceptron(seed: int) -> Any:
    """Neural network with one hidden layer of 50 units; any features, best with embeddings.

    Balanced by oversampling: records of smaller classes are repeated. Features with many columns are projected on the
    span of the labeled records.
    """
    from weaklab.classifiers.variants import Network

    return Network(seed)
