"""What the kernel knows about a process."""
import os
import struct
import time

CPUCLOCK_SCHED = 2  # clock_getcpuclockid(3)


def cpu_seconds(pid):
    """User and system time of all threads, those that ended included, by the process's own clock: /proc/PID/stat counts in
    steps of 10 ms, which is more than a short measurement takes."""
    return time.clock_gettime(~pid << 3 | CPUCLOCK_SCHED)


def status(pid, name):
    """A line of /proc/PID/status, in its own unit (memory: KiB)."""
    with open(f"/proc/{pid}/status") as lines:
        for line in lines:
            if line.startswith(name + ":"):
                return int(line.split()[1])
    raise KeyError(name)


def resident_mib(pid):
    return status(pid, "VmRSS") / 1024


def peak_resident_mib(pid):
    return status(pid, "VmHWM") / 1024


def forget_peak(pid):
    """The peak counts from now on."""
    with open(f"/proc/{pid}/clear_refs", "w") as file:
        file.write("5")


def threads(pid):
    return sorted(int(name) for name in os.listdir(f"/proc/{pid}/task"))


def is_sanitized(pid):
    """Built with AddressSanitizer, which keeps freed memory: resident memory then says nothing."""
    with open(f"/proc/{pid}/maps") as maps:
        return any("libasan" in line for line in maps)


def reset_on_close(connection):
    """The socket's close then sends RST, so that hundreds of test connections leave no TIME_WAIT behind."""
    import socket
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
