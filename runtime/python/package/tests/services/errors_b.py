"""Imported by errors_a."""


def divide(a, b):
    return a / b
