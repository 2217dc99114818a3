# Every script begins with this. `deployer`, `target`, `start_all` and `subtest` are the test driver's.


def ready() -> None:
    """Starts the machines, and gives the deployer its fleet, its key and the host's key."""
    start_all()
    deployer.wait_for_unit("multi-user.target")
    target.wait_for_unit("multi-user.target")
    target.wait_for_open_port(22)
    deployer.succeed(
        "cp -rL --no-preserve=mode /etc/fleet /root/fleet",
        "install -D -m 600 /etc/fleet/key /root/.ssh/id_ecdsa",
    )
    known_hosts = "/root/.ssh/known_hosts"
    deployer.wait_until_succeeds(
        f"ssh-keyscan target >{known_hosts} && test -s {known_hosts}"
    )


def want(variant: str) -> None:
    """Says which of the target's systems the fleet has."""
    deployer.succeed(f"echo '\"{variant}\"' >/root/fleet/variant.json")


def bungee(words: str, expect: int = 0) -> str:
    """Runs bungee to its end, and gives what it says."""
    command = f"bungee {words} --flake path:/root/fleet --report lines"
    code, output = deployer.execute(f"cd /root && {command} 2>&1 </dev/null")
    assert code == expect, f"exit code {code}: {output}"
    return output


def systems() -> list:
    """What the target runs, and what its profile says."""
    links = "/run/current-system /nix/var/nix/profiles/system"
    return target.succeed(f"readlink -f {links}").split()


def version() -> str:
    return target.succeed("cat /etc/version").strip()


def answers() -> None:
    """The deployer can log in to the target."""
    deployer.succeed("ssh root@target true </dev/null")


def comes_up() -> None:
    target.start()
    target.wait_for_unit("multi-user.target")
    target.wait_for_open_port(22)


