"""Tests of crr-submit: unittest and the standard library, on every Python the client runs on."""
