"""Finds the toolchains and installs each client outside the source tree, once per pinned set of versions."""

import hashlib
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "millrace-clients")
INSTALL_S = 600


class Missing(Exception):
    pass


def sh(*command, cwd=None, env=None):
    done = subprocess.run(
        command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=INSTALL_S
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}: {(done.stderr + done.stdout).strip()[-600:]}")
    return done.stdout + done.stderr


def at_least(program, ask, least):
    """Raises Missing, naming the program and the version needed."""
    name = f"{program} ≥ {'.'.join(map(str, least))}"
    if not shutil.which(program):
        raise Missing(f"missing: {name}")
    found = re.search(r"(\d+)\.(\d+)", sh(program, *ask))
    if not found or tuple(map(int, found.groups())) < least:
        raise Missing(f"too old: {program} is {found and found.group(0)}, needed {name}")


def debian(*packages):
    """Installs those of the packages that are not there."""
    asked = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Status}\n", *packages], capture_output=True, text=True)
    have = {line.split()[0] for line in asked.stdout.splitlines() if line.endswith("install ok installed")}
    lacking = [p for p in packages if p not in have]
    if not lacking:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Missing(f"missing: Debian packages {' '.join(lacking)} (apt-get install needs root)")
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    sh("apt-get", "update", "-qq", env=env)
    sh("apt-get", "install", "-y", "-qq", "--no-install-recommends", *lacking, env=env)


def once(name, inputs, build):
    """The directory NAME-<hash of the inputs>; `build(directory)` fills it unless an earlier run has finished doing so."""
    digest = hashlib.sha256()
    for path in inputs:
        with open(os.path.join(HERE, path), "rb") as f:
            digest.update(f.read())
    made = os.path.join(CACHE, f"{name}-{digest.hexdigest()[:12]}")
    done = os.path.join(made, ".complete")
    if not os.path.exists(done):
        shutil.rmtree(made, ignore_errors=True)
        os.makedirs(made)
        build(made)
        open(done, "w").close()
    return made


def sources(folder, *endings):
    return sorted(f"{folder}/{n}" for n in os.listdir(os.path.join(HERE, folder)) if n.endswith(endings))


def check_sums(pinned, directory):
    """Every file of the directory has the SHA-256 that `pinned` names (lines as of sha256sum), and none is missing or more."""
    with open(pinned) as f:
        want = {name: digest for digest, name in (line.split() for line in f)}
    have = {}
    for name in os.listdir(directory):
        with open(os.path.join(directory, name), "rb") as f:
            have[name] = hashlib.sha256(f.read()).hexdigest()
    wrong = sorted(name for name in want.keys() | have.keys() if want.get(name) != have.get(name))
    if wrong:
        raise RuntimeError(f"not what {os.path.basename(pinned)} says: {', '.join(wrong)}")


def kcat():
    debian("kcat")
    return [sys.executable, os.path.join(HERE, "kcat/driver.py")], {}


def librdkafka():
    debian("librdkafka-dev", "g++")
    code = sources("librdkafka", ".cc", ".h")

    def build(made):
        units = [os.path.join(HERE, c) for c in code if c.endswith(".cc")]
        sh("g++", "-std=c++20", "-O1", "-Wall", "-Wextra", *units, "-lrdkafka", "-o", made + "/driver")

    return [once("librdkafka", code, build) + "/driver"], {}


def python(driver):
    at_least("python3", ["--version"], (3, 10))

    def build(made):
        try:
            sh("python3", "-m", "venv", made)
        except RuntimeError:
            debian("python3-venv")
            sh("python3", "-m", "venv", "--clear", made)
        sh(made + "/bin/pip", "install", "-q", "--disable-pip-version-check", "-r", os.path.join(HERE, "python/requirements.txt"))

    return [once("python", ["python/requirements.txt"], build) + "/bin/python", os.path.join(HERE, "python", driver)], {}


def go(program):
    at_least("go", ["version"], (1, 26))
    at = os.path.join(HERE, "go")
    packages = ("driverloop", "franz", "members", "records", "sarama")
    code = [c for p in packages for c in sources(f"go/{p}", ".go")]

    def build(made):
        sh("go", "build", "-mod=readonly", "-o", made + "/", "./franz", "./sarama", cwd=at)

    return [f"{once('go', ['go/go.mod', 'go/go.sum', *code], build)}/{program}"], {}


def node():
    at_least("node", ["--version"], (18, 0))
    at_least("npm", ["--version"], (7, 0))
    pins = ["node/package.json", "node/package-lock.json"]

    def build(made):
        for pin in pins:
            shutil.copy(os.path.join(HERE, pin), made)
        sh("npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", cwd=made)

    return ["node", os.path.join(HERE, "node/driver.js")], {"MILLRACE_NODE_MODULES": once("node", pins, build)}


JAVA_PINS = ["java/pom.xml", "java/jars.sha256"]


def java_jars():
    """The directory with Kafka's jars: clients, tools and broker."""
    at_least("java", ["-version"], (17, 0))
    at_least("mvn", ["-version"], (3, 6))

    def fetch(made):
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={made}/lib"]
        sh("mvn", "-q", "-B", "-C", "-f", os.path.join(HERE, JAVA_PINS[0]), *goal)
        check_sums(os.path.join(HERE, JAVA_PINS[1]), made + "/lib")

    return once("java-lib", JAVA_PINS, fetch) + "/lib"


def java_class_path():
    at_least("javac", ["-version"], (17, 0))
    jars = java_jars() + "/*"
    code = sources("java", ".java")

    def build(made):
        sh("javac", "-nowarn", "-d", made, "-cp", jars, *(os.path.join(HERE, c) for c in code))

    return once("java", [*JAVA_PINS, *code], build) + ":" + jars


def java(program):
    settings = os.path.join(HERE, "java/log4j2.properties")
    quiet = f"-Dlog4j2.configurationFile={settings}"
    return ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", quiet, "-cp", java_class_path(), program], {}


INSTALL = {
    "kcat": kcat,
    "librdkafka": librdkafka,
    "confluent-kafka-python": lambda: python("confluent_driver.py"),
    "aiokafka": lambda: python("aiokafka_driver.py"),
    "franz-go": lambda: go("franz"),
    "sarama": lambda: go("sarama"),
    "kafkajs": node,
    "kafka-clients": lambda: java("Driver"),
    "kafka-streams": lambda: java("WordCount"),
    "kafka-connect": lambda: java("ConnectWorker"),
}
