# In place of NixOS' test driver: what a script of test/vm asks of its machines goes to standard output as a line of JSON, and the answer
# comes on standard input. Its words and meanings are the driver's; vm-scripts.test.ts does what is asked, on hosts of the lab.
import contextlib
import json
import sys
import time

PATIENCE = 300


class Machine:
    def __init__(self, name):
        self.name = name

    def ask(self, verb, command=""):
        print(json.dumps({"machine": self.name, "verb": verb, "command": command}), flush=True)
        answer = json.loads(sys.stdin.readline())
        return answer["code"], answer["output"]

    def execute(self, command):
        return self.ask("execute", command)

    def succeed(self, *commands):
        return "".join(self.expect(command, lambda code: code == 0) for command in commands)

    def fail(self, *commands):
        return "".join(self.expect(command, lambda code: code != 0) for command in commands)

    def expect(self, command, good):
        code, output = self.execute(command)
        assert good(code), f"{self.name}: {command}: exit code {code}: {output}"
        return output

    def wait(self, command, good):
        end = time.monotonic() + PATIENCE
        while True:
            code, output = self.execute(command)
            if good(code):
                return output
            assert time.monotonic() < end, f"{self.name}: {command}: exit code {code}: {output}"
            time.sleep(0.2)

    def wait_until_succeeds(self, command):
        return self.wait(command, lambda code: code == 0)

    def wait_until_fails(self, command):
        return self.wait(command, lambda code: code != 0)

    def wait_for_file(self, file):
        self.wait_until_succeeds(f"test -e {file}")

    def wait_for_unit(self, unit):
        # A deployer of the lab has no systemd.
        if self.name != "deployer":
            self.wait_until_succeeds(f"systemctl is-active --quiet {unit}")

    def wait_for_open_port(self, port):
        self.wait_until_succeeds(f"ss -Hltn 'sport = :{port}' | grep -q .")

    def start(self):
        self.ask("start")

    def shutdown(self):
        self.ask("shutdown")

    def crash(self):
        self.ask("crash")

    def block(self):
        self.ask("block")

    def unblock(self):
        self.ask("unblock")


deployer = Machine("deployer")
target = Machine("target")


def start_all():
    target.start()


@contextlib.contextmanager
def subtest(name):
    print(json.dumps({"subtest": name}), flush=True)
    yield


