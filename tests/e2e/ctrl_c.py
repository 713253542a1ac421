"""Runs a command on a terminal of its own and presses Ctrl-C when it has printed a text.

    ctrl_c.py SECONDS TEXT COMMAND...

Shows what the command prints and ends with its status; 124 when it has not ended after SECONDS, 125 when it
ended before TEXT came. Keys reach the foreground process group, as at a real terminal.
"""
import os
import pty
import select
import signal
import sys
import time


def main(seconds, text, *command):
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a script's background jobs ignore it
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    deadline = time.monotonic() + float(seconds)
    seen, pressed, status = b"", False, None
    while status is None and time.monotonic() < deadline:
        ended, code = os.waitpid(pid, os.WNOHANG)
        if ended:
            status = os.waitstatus_to_exitcode(code)
        piece = read(terminal)
        while piece:
            seen += piece
            sys.stdout.buffer.write(piece.replace(b"\r\n", b"\n"))
            sys.stdout.flush()
            piece = read(terminal)
        if not pressed and text.encode() in seen:
            os.write(terminal, b"\x03")
            pressed = True
    if status is None:
        for group in {pid, os.tcgetpgrp(terminal)} - {0}:  # 0 would be our own
            os.killpg(group, signal.SIGTERM)
        os.waitpid(pid, 0)
        return 124
    return 125 if not pressed else status if status >= 0 else 128 - status


def read(terminal):
    """What was printed within a moment; nothing when nobody has the terminal open any more."""
    try:
        return os.read(terminal, 65536) if select.select([terminal], [], [], 0.1)[0] else b""
    except OSError:
        return b""


sys.exit(main(*sys.argv[1:]))
