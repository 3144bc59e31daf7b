"""Heartbeat: how a process shows that it lives, to who may restart it and to who looks.

    heart       a file that it touches while it works; ``python -m worker.heartbeat FILE`` looks
    pulse       when a worker's heart beats: its loop turns, and Celery takes what Redis has for it
    presence    a word in the store every few seconds, for readiness, the doctor and the console

A platform that restarts reads the file: it asks no store, so Redis away restarts nothing. What the
word in the store says is ``worker.store.presence``.
"""
