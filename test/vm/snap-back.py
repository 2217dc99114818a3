# What cuts the host off is undone by the host. In the lab: test/e2e/breaking-systems.test.ts, test/chaos/chaos.test.ts.
ready()
before = systems()

for variant in ["no-network", "no-sshd"]:
    with subtest(f"{variant}: nobody can log in, and the host goes back"):
        want(variant)
        assert "rolled back" in bungee("deploy target", expect=1)
        assert systems() == before
        answers()

with subtest("the cable is pulled while the host is activated"):
    want("slow")
    deploy = "bungee deploy target --flake path:/root/fleet --report lines"
    deployer.execute(f"({deploy}; echo $? >/root/code) >/root/log 2>&1 </dev/null &")
    target.wait_for_file("/var/lib/bungee/current/state/activating")
    target.block()
    target.wait_until_fails("test -L /var/lib/bungee/current")
    assert systems() == before
    target.unblock()
    deployer.wait_for_file("/root/code")
    deployer.fail("grep -qx 0 /root/code")
    deployer.wait_until_succeeds("ssh root@target true </dev/null")

with subtest("it boots what it booted"):
    target.crash()
    comes_up()
    assert systems() == before
    assert version() == "1"
