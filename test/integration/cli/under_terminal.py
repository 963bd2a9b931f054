"""Runs a command under a new terminal and prints what the terminal received and how the command ended, as JSON.

argv: JSON {command, cwd, steps: [[wait_for, action, value]...]}; an action is "type" (hex), "resize" ([rows, cols]), "kill" (signal number), "pause" (seconds) or "touch" (path of a file to make).
"""
import fcntl, json, os, pty, select, signal, struct, sys, termios, time

job = json.loads(sys.argv[1])


def resize(fd, size):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", size[0], size[1], 0, 0))


pid, fd = pty.fork()
if pid == 0:
    # What a shell at a terminal has: Python ignores SIGPIPE, and whoever started the tests may ignore or block others.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in (signal.SIGPIPE, signal.SIGQUIT, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    os.chdir(job["cwd"])
    resize(0, [24, 80])
    os.execvp(job["command"][0], job["command"])

steps = job["steps"]
output = b""
seen = 0
deadline = time.monotonic() + 40
while time.monotonic() < deadline:
    ready, _, _ = select.select([fd], [], [], 0.2)
    if ready:
        try:
            chunk = os.read(fd, 65536)
        except OSError:
            break
        if not chunk:
            break
        output += chunk
    while steps and steps[0][0].encode() in output[seen:]:
        wait, action, value = steps.pop(0)
        seen = output.index(wait.encode(), seen) + len(wait)
        if action == "type":
            os.write(fd, bytes.fromhex(value))
        elif action == "resize":
            resize(fd, value)
        elif action == "kill":
            os.kill(pid, value)
        elif action == "pause":
            time.sleep(value)
        elif action == "touch":
            open(value, "w").close()
else:
    os.kill(pid, signal.SIGKILL)
_, status = os.waitpid(pid, 0)
print(json.dumps({"output": output.decode("latin1"), "code": os.waitstatus_to_exitcode(status), "left": len(steps)}))
